package spawn

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// sleeperC says that it runs, then sleeps.
const sleeperC = `#include <unistd.h>
int main(void) { write(1, "x", 1); for (;;) pause(); }
`

// loopC starts so many sleepers, prints the nanoseconds of each, from the fork until it runs, and kills them all.
const loopC = `#include <stdio.h>
#include <stdlib.h>
#include <signal.h>
#include <unistd.h>
#include <time.h>
#include <sys/wait.h>
static long now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1000000000L + t.tv_nsec; }
int main(int argc, char **argv) {
	int p[2], st, n = atoi(argv[2]); char c; char *args[] = {argv[1], 0}, *env[] = {"A=1", 0}; pid_t pids[1000];
	pipe(p);
	for (int i = 0; i < n; i++) {
		long t = now();
		pid_t pid = vfork();
		if (!pid) { setsid(); dup2(p[1], 1); execve(argv[1], args, env); _exit(127); }
		read(p[0], &c, 1);
		printf("%ld\n", now() - t);
		pids[i] = pid;
	}
	for (int i = 0; i < n; i++) { kill(pids[i], SIGKILL); waitpid(pids[i], &st, 0); }
}
`

func compileC(b *testing.B, text string, flags ...string) string {
	b.Helper()
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		b.Skip("no gcc to compile what to compare with")
	}
	dir := b.TempDir()
	source, program := filepath.Join(dir, "a.c"), filepath.Join(dir, "a")
	require.NoError(b, os.WriteFile(source, []byte(text), 0o600))
	out, err := exec.Command(gcc, append(flags, "-O2", "-w", "-o", program, source)...).CombinedOutput()
	require.NoError(b, err, "%s", out)
	return program
}

// BenchmarkSpawn compares the time from launch until the program runs with a C loop of vfork and exec, round by round.
func BenchmarkSpawn(b *testing.B) {
	sleeper, loop := compileC(b, sleeperC, "-static"), compileC(b, loopC)
	for _, m := range []struct {
		name   string
		mode   mode
		change func(*Cmd)
	}{
		{"lineage", mode{}, func(*Cmd) {}},
		{"cgroup2", mode{cgroup: true}, func(*Cmd) {}},
		{"umask", mode{}, func(c *Cmd) { c.Umask = ptr(0o77) }},
	} {
		b.Run(m.name, func(b *testing.B) {
			s := newSpawner(b, m.mode)
			var ours, theirs []time.Duration
			const round = 50
			for b.Loop() {
				out, err := exec.Command(loop, sleeper, strconv.Itoa(round)).Output()
				require.NoError(b, err)
				for line := range strings.FieldsSeq(string(out)) {
					n, err := strconv.Atoi(line)
					require.NoError(b, err)
					theirs = append(theirs, time.Duration(n))
				}
				ours = append(ours, spawnRound(b, s, sleeper, round, m.change)...)
			}
			report(b, ours, theirs)
		})
	}
}

func spawnRound(b *testing.B, s *Spawner, sleeper string, n int, change func(*Cmd)) (took []time.Duration) {
	var ends [2]int
	require.NoError(b, unix.Pipe2(ends[:], unix.O_CLOEXEC))
	children, empty := make([]*Child, n), make(chan struct{}, n)
	for i := range children {
		c := command(sleeper)
		c.Stdout = ends[1]
		change(&c)
		began := time.Now()
		child, err := s.Launch(c, nil)
		if err != nil {
			b.Fatal(err)
		}
		_, _ = unix.Read(ends[0], make([]byte, 1))
		took = append(took, time.Since(began))
		children[i] = child
	}
	for _, child := range children {
		child.WhenEmpty(func() { empty <- struct{}{} })
		_ = child.Signal(syscall.SIGKILL)
	}
	for _, child := range children {
		<-empty
		defer child.Release()
	}
	unix.Close(ends[0])
	unix.Close(ends[1])
	return took
}

// report compares medians, and the tenth percentiles, which a busy machine disturbs less.
func report(b *testing.B, ours, theirs []time.Duration) {
	slices.Sort(ours)
	slices.Sort(theirs)
	at := func(d []time.Duration, percent int) float64 { return float64(d[len(d)*percent/100]) / 1e3 }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(at(ours, 50), "µs/spawn")
	b.ReportMetric(at(theirs, 50), "µs/C-spawn")
	b.ReportMetric(at(ours, 50)/at(theirs, 50), "ratio")
	b.ReportMetric(at(ours, 10)/at(theirs, 10), "p10-ratio")
}

// BenchmarkExit measures from kill -9 until the exited callback, and until the tree is known to be empty.
func BenchmarkExit(b *testing.B) {
	sleeper := compileC(b, sleeperC, "-static")
	for _, m := range []mode{{name: "lineage"}, {name: "cgroup2", cgroup: true}} {
		for _, others := range []int{0, 500} {
			b.Run(fmt.Sprintf("%s/%d", m.name, others), func(b *testing.B) {
				s := newSpawner(b, m)
				for range others {
					launch(b, s, command(sleeper))
				}
				var exits, empties []time.Duration
				for b.Loop() {
					exited, empty := make(chan time.Time, 1), make(chan time.Time, 1)
					child, err := s.Launch(command(sleeper), func(Exit) { exited <- time.Now() })
					if err != nil {
						b.Fatal(err)
					}
					child.WhenEmpty(func() { empty <- time.Now() })
					began := time.Now()
					_ = syscall.Kill(child.PID, syscall.SIGKILL)
					exits = append(exits, (<-exited).Sub(began))
					empties = append(empties, (<-empty).Sub(began))
					_ = child.Release()
				}
				slices.Sort(exits)
				slices.Sort(empties)
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(float64(exits[len(exits)/2])/1e3, "µs/exited")
				b.ReportMetric(float64(empties[len(empties)/2])/1e3, "µs/empty")
			})
		}
	}
}

// BenchmarkManyChildren reports what a supervisor of so many holds, and how long all of them take to be killed.
func BenchmarkManyChildren(b *testing.B) {
	sleeper := compileC(b, sleeperC, "-static")
	for _, kind := range []string{"lineage", "cgroup2"} {
		for _, n := range []int{1000, 5000} {
			b.Run(fmt.Sprintf("%s/%d", kind, n), func(b *testing.B) {
				for b.Loop() {
					c := exec.Command(self(b), kind, strconv.Itoa(n), sleeper)
					c.Env = append(os.Environ(), roleVariable+"=bench")
					out, err := c.Output()
					require.NoError(b, err, "%s", out)
					var threads, rss, start, kill float64
					_, err = fmt.Sscan(string(out), &threads, &rss, &start, &kill)
					require.NoError(b, err, "%s", out)
					b.ReportMetric(0, "ns/op")
					b.ReportMetric(threads, "threads")
					b.ReportMetric(rss/1024, "MB-grown")
					b.ReportMetric(start/float64(n), "µs/spawn")
					b.ReportMetric(kill/1e6, "s-kill-all")
				}
			})
		}
	}
}

func benchRole() int {
	n, _ := strconv.Atoi(os.Args[2])
	o := Options{Marker: marker}
	if os.Args[1] == "cgroup2" {
		o.CgroupRoot = fmt.Sprintf("spawn-bench-%d", os.Getpid())
	}
	s, err := New(o)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	before := status("VmRSS")
	began := time.Now()
	children := make([]*Child, n)
	for i := range children {
		if children[i], err = s.Launch(command(os.Args[3]), nil); err != nil {
			fmt.Println(err)
			return 1
		}
	}
	start := time.Since(began)
	threads, rss := status("Threads"), status("VmRSS")-before
	empty := make(chan struct{}, n)
	began = time.Now()
	for _, c := range children {
		c.WhenEmpty(func() { empty <- struct{}{} })
		go c.Kill() // as keepers do: each its own
	}
	for range children {
		<-empty
	}
	kill := time.Since(began)
	for _, c := range children {
		_ = c.Release()
	}
	_ = s.Close()
	fmt.Println(threads, rss, start.Microseconds(), kill.Microseconds())
	return 0
}
