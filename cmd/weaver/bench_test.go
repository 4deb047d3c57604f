//go:build linux

package main

import (
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkList runs `weaver list` with the table of a hundred services and hello world by turns, so that both see the
// same machine, and reports the ratio of the medians.
func BenchmarkList(b *testing.B) {
	home := b.TempDir()
	listing(b, home, table)
	b.Logf("table of %d bytes", len(table))
	compare(b, []string{"WEAVER_HOME=" + home}, executable(b), "list")
}

// BenchmarkVersion is the same without a daemon.
func BenchmarkVersion(b *testing.B) { compare(b, nil, executable(b), "--version") }

func compare(b *testing.B, env []string, argv ...string) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	require.NoError(b, err)
	defer null.Close()
	once := func(argv ...string) time.Duration {
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.Env, cmd.Stdout = env, null
		start := time.Now()
		err := cmd.Run()
		took := time.Since(start)
		require.NoError(b, err)
		return took
	}
	hello := helloWorld(b)
	var floor, ours []time.Duration
	for b.Loop() {
		floor = append(floor, once(hello))
		ours = append(ours, once(argv...))
	}
	slices.Sort(floor)
	slices.Sort(ours)
	f, o := floor[len(floor)/2], ours[len(ours)/2]
	b.ReportMetric(float64(f.Microseconds())/1000, "ms-hello")
	b.ReportMetric(float64(o.Microseconds())/1000, "ms-weaver")
	b.ReportMetric(float64(o)/float64(f), "ratio")
}
