/* talk sends N messages over the channel in NODE_CHANNEL_FD each time that the file $GO appears, as fast as they are taken,
 * and writes into $OUT how many nanoseconds passed until the last was.
 */
#include <fcntl.h>
#include <linux/sockios.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static int64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void nap(long us)
{
	struct timespec t = {0, us * 1000};
	nanosleep(&t, NULL);
}

static void put(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t w = write(fd, p, n);
		if (w < 0)
			_exit(4);
		p += w;
		n -= w;
	}
}

int main(void)
{
	const char *go = getenv("GO"), *out = getenv("OUT"), *channel = getenv("NODE_CHANNEL_FD"), *count = getenv("N");
	static char block[8192], tmp[4096];
	const long size = 64; /* messages in a block */
	size_t used = 0;

	if (!go || !out || !channel || !count)
		return 2;
	int fd = atoi(channel);
	long n = atol(count);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
	for (long i = 0; i < size; i++)
		used += snprintf(block + used, sizeof block - used,
			"{\"type\":\"process:msg\",\"data\":{\"i\":%ld,\"text\":\"some words\"}}\n", 10000 + i);
	snprintf(tmp, sizeof tmp, "%s.tmp", out);
	for (;;) {
		int left = 1;
		while (access(go, F_OK))
			nap(10000);
		unlink(go);
		int64_t begin = now();
		for (long i = 0; i < n; i += size)
			put(fd, block, used);
		while (!ioctl(fd, SIOCOUTQ, &left) && left > 0)
			nap(100);
		FILE *f = fopen(tmp, "w");
		if (!f)
			return 3;
		fprintf(f, "%lld", (long long)(now() - begin));
		fclose(f);
		rename(tmp, out);
	}
}
