/* loop is the floor under a supervisor: what vfork, exec and wait cost when nothing else is done.
 *
 *   loop spawn N PROGRAM   start N, print the nanoseconds that took, end them when stdin ends
 *   loop once PROGRAM      for each byte on stdin: start one, print the nanoseconds until it was exec'd, end it
 *   loop respawn PROGRAM   start one, wait for its death, again
 *   loop keep N DIR CGROUP PROGRAM
 *                          spawn, with what any supervisor of weaver's promises has to ask of the kernel for each service:
 *                          a pipe for its input, two for its output, watched; two log files and a pid file in DIR; a
 *                          session; a pidfd; a control group below CGROUP, "" being none. It reads nothing and keeps no
 *                          books.
 *   loop rekeep DIR CGROUP PROGRAM
 *                          respawn, with all that
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
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

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

/* open_pipe makes a pipe whose writer also reads, so that no death of the reader's hurts it. */
static void open_pipe(int *reader, int *both)
{
	char path[64];
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		fail("pipe");
	snprintf(path, sizeof path, "/proc/self/fd/%d", ends[0]);
	if ((*both = open(path, O_RDWR | O_CLOEXEC)) < 0)
		fail(path);
	close(ends[1]);
	*reader = ends[0];
}

static void watch(int set, int fd)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLONESHOT, .data.fd = fd };

	if (epoll_ctl(set, EPOLL_CTL_ADD, fd, &e) < 0)
		fail("epoll_ctl");
}

/* launch is vfork and exec, with all that clone can do on the way. */
static __attribute__((noinline)) pid_t launch(int group, int *pidfd, const int *ends, char **argv)
{
	struct clone_args args = {
		.flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | (group < 0 ? 0 : CLONE_INTO_CGROUP),
		.pidfd = (unsigned long)pidfd, .exit_signal = SIGCHLD, .cgroup = group < 0 ? 0 : group,
	};
	register long pid __asm__("rax") = SYS_clone3;

	/* Not by a function, whose way back the child would overwrite: the stack is the parent's. */
	__asm__ volatile("syscall" : "+r"(pid) : "D"(&args), "S"(sizeof args) : "rcx", "r11", "memory");
	if (pid == 0) {
		setsid();
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* this program is ended by force */
		for (int i = 0; i < 3; i++)
			dup2(ends[i], i);
		execve(argv[0], argv, environ);
		_exit(127);
	}
	return pid;
}

/* KEPT is how many descriptors a service costs: two pipes, two files, a pidfd. */
#define KEPT 5

static pid_t keep_one(int set, int waits, int i, const char *dir, const char *groups, char **argv, int *held)
{
	char path[4096], text[1024];
	int ends[3], readers[3], fd, pidfd = -1, group = -1;
	pid_t pid;

	for (int j = 0; j < 3; j++)
		open_pipe(&readers[j], &ends[j]);
	close(readers[0]);
	for (int j = 1; j < 3; j++) {
		snprintf(path, sizeof path, "%s/%d-%d.log", dir, i, j);
		if ((held[j - 1] = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)) < 0)
			fail(path);
		watch(set, readers[j]);
		held[j + 1] = readers[j];
	}
	if (*groups) {
		snprintf(path, sizeof path, "%s/%d", groups, i);
		if (mkdir(path, 0755) < 0 || (group = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
			fail(path);
	}
	if ((pid = launch(group, &pidfd, ends, argv)) < 0)
		fail("clone3");
	watch(waits, pidfd);
	held[4] = pidfd;
	if (group >= 0)
		close(group);
	for (int j = 0; j < 3; j++)
		close(ends[j]);
	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0 || read(fd, text, sizeof text) < 0)
		fail(path);
	close(fd);
	snprintf(path, sizeof path, "%s/%d.pid", dir, i);
	if ((fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644)) < 0 || dprintf(fd, "%d", pid) < 0)
		fail(path);
	close(fd);
	return pid;
}

static int keep_many(int n, const char *dir, const char *groups, char **argv)
{
	struct rlimit files = { 65536, 65536 };
	pid_t *pids = calloc(n, sizeof *pids);
	char path[4096];
	long long start;
	int held[KEPT];
	int set = epoll_create1(EPOLL_CLOEXEC);
	char c;

	setrlimit(RLIMIT_NOFILE, &files); /* as it may; with few services the usual limit will do */
	start = now();
	for (int i = 0; i < n; i++)
		pids[i] = keep_one(set, set, i, dir, groups, argv, held);
	printf("%lld\n", now() - start);
	fflush(stdout);
	while (read(0, &c, 1) > 0)
		;
	for (int i = 0; i < n; i++)
		kill(pids[i], SIGKILL);
	for (int i = 0; i < n; i++) {
		waitpid(pids[i], NULL, 0);
		snprintf(path, sizeof path, "%s/%d", groups, i);
		if (*groups)
			rmdir(path);
		snprintf(path, sizeof path, "%s/%d.pid", dir, i);
		unlink(path);
	}
	return 0;
}

static void rekeep(const char *dir, const char *groups, char **argv)
{
	int set = epoll_create1(EPOLL_CLOEXEC), waits = epoll_create1(EPOLL_CLOEXEC);

	for (int i = 0;; i = !i) {
		struct epoll_event e;
		char path[4096];
		int held[KEPT];
		pid_t pid = keep_one(set, waits, i, dir, groups, argv, held);

		while (epoll_wait(waits, &e, 1, -1) < 1)
			;
		waitpid(pid, NULL, 0);
		snprintf(path, sizeof path, "%s/%d", groups, i);
		if (*groups)
			rmdir(path);
		for (int j = 0; j < KEPT; j++)
			close(held[j]);
	}
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
	if (argc >= 5 && !strcmp(argv[1], "rekeep"))
		rekeep(argv[2], argv[3], argv + 4);
	if (argc >= 6 && !strcmp(argv[1], "keep"))
		return keep_many(atoi(argv[2]), argv[3], argv[4], argv + 5);
	if (argc >= 3 && !strcmp(argv[1], "once"))
		return spawn_once(argv + 2);
	if (argc >= 3 && !strcmp(argv[1], "respawn"))
		for (;;)
			waitpid(spawn(argv + 2), NULL, 0);
	return 2;
}
