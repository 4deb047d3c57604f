package procstat

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func init() {
	// A worker burns CPU time, takes memory, and makes a worker of one level less.
	actors["worker"] = func() {
		level, _ := strconv.Atoi(os.Getenv("WEAVER_PROCSTAT_LEVEL"))
		room := bytes.Repeat([]byte{1}, 24<<20)
		if level > 0 {
			cmd := act("worker")
			cmd.Env = append(cmd.Env, "WEAVER_PROCSTAT_LEVEL="+strconv.Itoa(level-1))
			if err := cmd.Start(); err != nil {
				fmt.Println(err)
				return
			}
			go func() { _ = cmd.Wait() }() // Ends with the worker.
		}
		fmt.Println(os.Getpid())
		go func() { // Ends with the process: a quarter of what there is.
			for {
				burn(used(syscall.RUSAGE_SELF) + 5*time.Millisecond)
				time.Sleep(15 * time.Millisecond)
			}
		}()
		_, _ = io.Copy(io.Discard, os.Stdin)
		room[0]++
	}
}

// kernelCPU is utime and stime of processes, as the kernel has them.
func kernelCPU(t *testing.T, pids []int) (sum time.Duration) {
	t.Helper()
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		require.NoError(t, err)
		_, rest, _ := strings.Cut(string(text), ") ")
		f := strings.Fields(rest)
		for _, word := range f[11:13] {
			n, err := strconv.Atoi(word)
			require.NoError(t, err)
			sum += time.Duration(n) * 10 * time.Millisecond
		}
	}
	return sum
}

// kernelRSS is what the kernel counts page by page.
func kernelRSS(t *testing.T, pids []int) (sum float64) {
	t.Helper()
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			t.Skip("no smaps_rollup: ", err)
		}
		_, rest, _ := strings.Cut(string(text), "\nRss:")
		kb, err := strconv.Atoi(strings.Fields(rest)[0])
		require.NoError(t, err)
		sum += float64(kb) * 1024
	}
	return sum
}

// Samples are compared with what the kernel says right before and right after them, so that no delay between the two counts
// for or against them.
func TestFiguresAreTheKernels(t *testing.T) {
	t.Setenv("WEAVER_PROCSTAT_LEVEL", "2")
	tr := play(t, "worker")
	pids := []int{tr.number(t), tr.number(t), tr.number(t)}
	s, err := New(Options{TTL: -1, Roots: func() []Root { return []Root{{PID: tr.root}} }})
	require.NoError(t, err)
	defer s.Close()

	look := func() (sample Sample, least, most time.Duration) {
		least = kernelCPU(t, pids)
		sample, ok := s.Read(tr.root)
		require.True(t, ok)
		return sample, least, kernelCPU(t, pids)
	}
	first, least1, most1 := look()
	require.Eventually(t, func() bool { // a window of a second, and something to count
		return time.Since(first.At) > time.Second && kernelCPU(t, pids) > most1+200*time.Millisecond
	}, 30*time.Second, 10*time.Millisecond)
	second, least2, most2 := look()
	window := second.At.Sub(first.At)
	require.Equal(t, len(pids), second.Procs)
	require.GreaterOrEqual(t, second.CPU, percent(least2-most1, window)-1)
	require.LessOrEqual(t, second.CPU, percent(most2-least1, window)+1)

	before := kernelRSS(t, pids)
	third, _, _ := look()
	after := kernelRSS(t, pids)
	require.Greater(t, before, 3*20e6)
	require.GreaterOrEqual(t, float64(third.RSS), 0.98*min(before, after))
	require.LessOrEqual(t, float64(third.RSS), 1.02*max(before, after))
}
