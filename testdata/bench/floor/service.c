/* service is what the supervisors keep: it tells the bell that it runs, then pauses.
 *
 *   service               ring, pause for ever
 *   service write N SIZE  ring, write N bytes to stdout by writes of SIZE, ring, pause for ever
 *
 * A ring is one write of {pid, CLOCK_MONOTONIC in ns} to the FIFO $BENCH_BELL, so that the moment is the service's own
 * and costs the reader nothing. The last line written is of 'Z', the others of 'x': whoever sees it has seen all.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void ring(void)
{
	const char *path = getenv("BENCH_BELL");
	struct timespec now;
	int64_t msg[2];
	int fd;

	if (!path || (fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC)) < 0)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	msg[0] = getpid();
	msg[1] = now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
	if (write(fd, msg, sizeof msg) < 0)
		_exit(3);
	close(fd);
}

static void put(const char *p, size_t n)
{
	while (n > 0) {
		ssize_t w = write(1, p, n);
		if (w < 0)
			_exit(4);
		p += w;
		n -= w;
	}
}

/* lines fills p with lines of at most 100 bytes of c. */
static void lines(char *p, size_t n, char c)
{
	memset(p, c, n);
	for (size_t i = 99; i < n; i += 100)
		p[i] = '\n';
	p[n - 1] = '\n';
}

int main(int argc, char **argv)
{
	ring();
	if (argc == 4 && !strcmp(argv[1], "write")) {
		long total = atol(argv[2]), size = atol(argv[3]);
		char *buf = malloc(size);
		if (!buf || size < 1 || total < size || total % size)
			return 2;
		lines(buf, size, 'x');
		for (long done = 0; done < total - size; done += size)
			put(buf, size);
		lines(buf, size, 'Z');
		put(buf, size);
		ring();
	}
	for (;;)
		pause();
}
