//go:build linux

package logs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weaver/app"
)

// printerC is a child whose every line is one write(2), without a runtime of its own.
const printerC = `
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(int argc, char **argv) {
	long count = atol(argv[1]), size = atol(argv[2]);
	char *b = malloc(size);
	memset(b, 'x', size);
	b[size-1] = '\n';
	for (long i = 0; i < count; i++) {
		long done = 0;
		while (done < size) {
			long n = write(1, b + done, size - done);
			if (n < 0) return 9;
			done += n;
		}
	}
	return 0;
}
`

// buildPrinter compiles it, or returns the test binary in its stead.
func buildPrinter(b *testing.B) func(count, size int) *exec.Cmd {
	dir := b.TempDir()
	bin := filepath.Join(dir, "printer")
	cc := exec.Command("gcc", "-O2", "-x", "c", "-o", bin, "-")
	cc.Stdin = strings.NewReader(printerC)
	if out, err := cc.CombinedOutput(); err != nil {
		b.Logf("no C compiler, so the printer is the test binary: %v %s", err, out)
		return func(count, size int) *exec.Cmd { return printer(b, "print", 0, count, size) }
	}
	return func(count, size int) *exec.Cmd { return exec.Command(bin, fmt.Sprint(count), fmt.Sprint(size)) }
}

// benchDir is in WEAVER_BENCH_DIR or else in memory, so that the disk is not what is measured.
func benchDir(b *testing.B) string {
	where := os.Getenv("WEAVER_BENCH_DIR")
	if where == "" {
		where = "/dev/shm"
	}
	dir, err := os.MkdirTemp(where, "weaver-logs")
	if err != nil {
		return b.TempDir()
	}
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkThroughput compares each way with `> file` of the same run: x-floor is the ratio, engine-s/GB our CPU time.
// Figures are medians: -benchtime 9x makes them steady on a busy machine.
func BenchmarkThroughput(b *testing.B) {
	command := buildPrinter(b)
	type way struct {
		name   string
		o      PipeOptions
		follow bool
	}
	ways := []way{
		{name: "raw"},
		{name: "date", o: PipeOptions{DateFormat: "YYYY-MM-DDTHH:mm:ss"}},
		{name: "json", o: PipeOptions{Format: app.JSON}},
		{name: "followed", follow: true},
	}
	for _, size := range []int{100, 65536} {
		for _, children := range []int{1, 8} {
			total := 400 << 20
			if size > 1000 {
				total *= 4
			}
			count := total / size / children
			floor := func(b *testing.B) time.Duration {
				dir := benchDir(b)
				start := time.Now()
				var wg sync.WaitGroup
				for i := range children {
					f, err := os.OpenFile(filepath.Join(dir, fmt.Sprint(i)), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
					require.NoError(b, err)
					cmd := command(count, size)
					cmd.Stdout = f
					wg.Go(func() {
						if err := cmd.Run(); err != nil {
							b.Error(err)
						}
						_ = f.Close()
					})
				}
				wg.Wait()
				return time.Since(start)
			}
			for _, w := range ways {
				b.Run(fmt.Sprintf("%s/size=%d/children=%d", w.name, size, children), func(b *testing.B) {
					var speed, ratio, cost []float64
					for b.Loop() {
						floorTook := floor(b)
						took, used := carry(b, command, w.o, w.follow, children, count, size)
						mb := float64(total) / 1e6
						speed = append(speed, mb/took.Seconds())
						ratio = append(ratio, floorTook.Seconds()/took.Seconds())
						cost = append(cost, used.Seconds()/mb*1000)
					}
					b.ReportMetric(0, "ns/op")
					b.ReportMetric(median(speed), "MB/s")
					b.ReportMetric(median(ratio), "x-floor")
					b.ReportMetric(median(cost), "engine-s/GB")
				})
			}
		}
	}
}

func carry(b *testing.B, command func(count, size int) *exec.Cmd, o PipeOptions, follow bool, children, count, size int) (took, used time.Duration) {
	dir := benchDir(b)
	e, err := NewEngine(Options{})
	require.NoError(b, err)
	if follow {
		lines := e.Follow(b.Context(), FollowOptions{})
		go func() {
			for range lines { //nolint:revive // as fast as it can
			}
		}()
	}
	start, before := time.Now(), cpu()
	var wg sync.WaitGroup
	for i := range children {
		o.ID, o.Stream, o.Name = app.ID(i), app.Out, "bench"
		o.Dests = []Dest{{Path: filepath.Join(dir, fmt.Sprint(i)), Rotation: Rotation{MaxSize: -1}}}
		p, err := e.Pipe(o)
		require.NoError(b, err)
		cmd := command(count, size)
		cmd.Stdout = dup(b, p)
		require.NoError(b, cmd.Start())
		_ = cmd.Stdout.(*os.File).Close()
		wg.Go(func() {
			if err := cmd.Wait(); err != nil {
				b.Error(err)
			}
			<-p.Done()
		})
	}
	wg.Wait()
	took, used = time.Since(start), cpu()-before
	require.NoError(b, e.Close())
	return took, used
}

// BenchmarkFlush is what each exit of a process costs.
func BenchmarkFlush(b *testing.B) {
	e := newEngine(b, Options{})
	p, child := open(b, e, PipeOptions{Dests: dest(filepath.Join(benchDir(b), "a"))})
	for b.Loop() {
		write(b, child, "bye\n")
		flush(b, p)
	}
}

// BenchmarkTricklers is the cost of many processes that print a line each second: CPU per line.
func BenchmarkTricklers(b *testing.B) {
	e := newEngine(b, Options{})
	dir := benchDir(b)
	var children []*os.File
	for i := range 1000 {
		_, child := open(b, e, PipeOptions{ID: app.ID(i), Dests: dest(filepath.Join(dir, fmt.Sprint(i)))})
		children = append(children, child)
	}
	before, n := cpu(), 0
	for b.Loop() {
		_, _ = children[n%len(children)].WriteString("a line of some length, as programs print them now and then\n")
		n++
		time.Sleep(time.Millisecond)
	}
	b.ReportMetric(float64((cpu()-before).Microseconds())/float64(n), "cpu-µs/line")
}
