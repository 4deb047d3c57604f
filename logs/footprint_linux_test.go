package logs

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"weaver/app"
)

// 1,000 services are 2,000 pipes: they may cost little memory, and no threads.
func TestIdlePipesCostLittle(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector's own memory would be measured")
	}
	out, err := printer(t, "measure", 0, 2000, 1).Output()
	require.NoError(t, err)
	var bytes, threads, fds int
	_, err = fmt.Sscan(string(out), &bytes, &threads, &fds)
	require.NoError(t, err)
	t.Logf("%d bytes and %d descriptors for each pipe with its file; %d threads in all", bytes, fds, threads)
	require.LessOrEqual(t, bytes, 2048)
	require.LessOrEqual(t, threads, 9, "the runtime's own, whatever the number of pipes")
	require.Equal(t, FDsPerPipe+FDsPerFile, fds)
}

func init() { childModes["measure"] = measureIdlePipes }

// measureIdlePipes prints what n pipes, each with its file and some early output, cost a process: bytes of private
// memory per pipe, threads, and descriptors.
func measureIdlePipes(n int) {
	dir, err := os.MkdirTemp("", "weaver-logs")
	check(err)
	defer os.RemoveAll(dir)
	e, err := NewEngine(Options{Dir: dir})
	check(err)
	add := func(from, to int) {
		for i := from; i < to; i++ {
			p, err := e.Pipe(PipeOptions{
				ID: app.ID(i), Name: "service-" + itoa(i), Namespace: "default", Stream: app.Out,
				Dests: []Dest{{Path: filepath.Join(dir, "service-"+itoa(i)+"-out.log")}},
			})
			check(err)
			_, err = syscall.Write(p.ChildFD(), []byte("listening on port 3000\n"))
			check(err)
			held, err := syscall.Dup(p.ChildFD()) // the child
			check(err)
			_ = held
			p.CloseChild()
			check(p.Flush(context.Background()))
		}
	}
	add(0, 100)
	before, fds := anonymous(), descriptors()
	add(100, 100+n)
	after := anonymous()
	threads, err := os.ReadDir("/proc/self/task")
	check(err)
	fmt.Printf("%d %d %d\n", (after-before)/n, len(threads), (descriptors()-fds)/n-1)
	os.Stdout.Sync()
	os.RemoveAll(dir)
	os.Exit(0)
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

// anonymous is this process's private memory in bytes, garbage taken out.
func anonymous() int {
	debug.FreeOSMemory()
	b, err := os.ReadFile("/proc/self/smaps_rollup")
	check(err)
	total := 0
	for line := range strings.Lines(string(b)) {
		var kb int
		if n, _ := fmt.Sscanf(line, "Anonymous: %d kB", &kb); n == 1 {
			total += kb << 10
		}
	}
	return total
}

func descriptors() int {
	fds, err := os.ReadDir("/proc/self/fd")
	check(err)
	return len(fds)
}
