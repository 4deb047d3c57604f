/* loop is the floor under a supervisor: what vfork, exec and wait cost when nothing else is done.
 *
 *   loop spawn N PROGRAM   start N, print the nanoseconds that took, end them when stdin ends
 *   loop once PROGRAM      for each byte on stdin: start one, print the nanoseconds until it was exec'd, end it
 *   loop respawn PROGRAM   start one, wait for its death, again
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static pid_t spawn(char **argv)
{
	pid_t pid = vfork();

	if (pid == 0) {
		execve(argv[0], argv, environ);
		_exit(127);
	}
	if (pid < 0) {
		perror("vfork");
		exit(1);
	}
	return pid;
}

static int spawn_many(int n, char **argv)
{
	pid_t *pids = calloc(n, sizeof *pids);
	long long start = now();
	char c;

	for (int i = 0; i < n; i++)
		pids[i] = spawn(argv);
	printf("%lld\n", now() - start);
	fflush(stdout);
	while (read(0, &c, 1) > 0)
		;
	for (int i = 0; i < n; i++)
		kill(pids[i], SIGKILL);
	for (int i = 0; i < n; i++)
		waitpid(pids[i], NULL, 0);
	return 0;
}

static int spawn_once(char **argv)
{
	char c;

	while (read(0, &c, 1) == 1) {
		long long start = now();
		pid_t pid = spawn(argv);
		printf("%lld\n", now() - start);
		fflush(stdout);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc >= 4 && !strcmp(argv[1], "spawn"))
		return spawn_many(atoi(argv[2]), argv + 3);
	if (argc >= 3 && !strcmp(argv[1], "once"))
		return spawn_once(argv + 2);
	if (argc >= 3 && !strcmp(argv[1], "respawn"))
		for (;;)
			waitpid(spawn(argv + 2), NULL, 0);
	return 2;
}
