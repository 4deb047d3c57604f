package spawn

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The children of other designs cost a thread each.
func TestThreadsDoNotGrowWithChildren(t *testing.T) {
	if testing.Short() {
		t.Skip("starts 1,000 processes")
	}
	s := newSpawner(t, mode{})
	threads, err := strconv.Atoi(output(t, s, role(t, "threads", "1000", "one")))
	require.NoError(t, err)
	assert.LessOrEqual(t, threads, 12, "launched one after the other") // how many there are of a slow system call's is the runtime's affair
	threads, err = strconv.Atoi(output(t, s, role(t, "threads", "1000", "many")))
	require.NoError(t, err)
	assert.LessOrEqual(t, threads, 12, "with launches side by side")
}

// countThreads launches children and prints how many threads it has while they live.
func countThreads() int {
	n, _ := strconv.Atoi(os.Args[1])
	s, err := New(Options{})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	children := make([]*Child, n)
	var ended, launched sync.WaitGroup
	ended.Add(n)
	for i := range children {
		start := func() {
			child, err := s.Launch(command("/bin/sleep", "100"), func(Exit) { ended.Done() })
			if err != nil {
				fmt.Println(err)
				os.Exit(1)
			}
			children[i] = child
		}
		if os.Args[2] == "many" {
			launched.Go(start)
		} else {
			start()
		}
	}
	launched.Wait()
	threads := status("Threads")
	for _, c := range children {
		go c.Kill() // as keepers do: each its own
	}
	ended.Wait()
	fmt.Print(threads)
	return 0
}

// status reads a number of /proc/self/status.
func status(name string) int {
	text, _ := os.ReadFile("/proc/self/status")
	m := regexp.MustCompile(`(?m)^` + name + `:\s*(\d+)`).FindSubmatch(text)
	if m == nil {
		return -1
	}
	n, _ := strconv.Atoi(string(m[1]))
	return n
}
