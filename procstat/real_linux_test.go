package procstat

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The actors share the test's pipe as their standard input, and end when the
// test closes it, or ends.
func init() {
	// A member makes a child from a thread of its own on SIGUSR1, and on
	// SIGUSR2 a child that makes a child and ends.
	actors["member"] = func() {
		orders := make(chan os.Signal, 10)
		signal.Notify(orders, syscall.SIGUSR1, syscall.SIGUSR2)
		fmt.Println(os.Getpid())
		go func() { // Ends with the process.
			for o := range orders {
				role := "member"
				if o == syscall.SIGUSR2 {
					role = "launcher"
				}
				go func() {
					runtime.LockOSThread() // and let it die with this goroutine
					cmd := act(role)
					if err := cmd.Start(); err != nil {
						fmt.Println(err)
						return
					}
					_ = cmd.Wait()
				}()
			}
		}()
		_, _ = io.Copy(io.Discard, os.Stdin)
	}
	actors["launcher"] = func() {
		if err := act("member").Start(); err != nil {
			fmt.Println(err)
		}
	}
	// A burner makes children that burn CPU time and end, and tells in the end
	// how much was burnt by all.
	actors["burner"] = func() {
		for range 4 {
			var pair sync.WaitGroup
			for range 2 {
				pair.Go(func() { _ = act("flame").Run() })
			}
			burn(30 * ms)
			pair.Wait()
		}
		fmt.Println(int64(used(syscall.RUSAGE_SELF) + used(syscall.RUSAGE_CHILDREN)))
		_, _ = io.Copy(io.Discard, os.Stdin)
	}
	actors["flame"] = func() { burn(60 * ms) }
}

func burn(d time.Duration) {
	for n := 0; used(syscall.RUSAGE_SELF) < d; {
		for range 100_000 {
			n++
		}
	}
}

func used(who int) time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(who, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func act(role string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "WEAVER_PROCSTAT_TEST="+role)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd
}

// troupe is a tree of actors, and the lines they print.
type troupe struct {
	root  int
	lines chan string
}

func play(t *testing.T, role string) troupe {
	t.Helper()
	stdinR, stdinW, err := os.Pipe()
	require.NoError(t, err)
	stdoutR, stdoutW, err := os.Pipe()
	require.NoError(t, err)
	cmd := act(role)
	cmd.Stdin, cmd.Stdout = stdinR, stdoutW
	require.NoError(t, cmd.Start())
	stdinR.Close()
	stdoutW.Close()
	tr := troupe{cmd.Process.Pid, make(chan string, 1000)}
	go func() { // Ends when the last actor has.
		defer close(tr.lines)
		for s := bufio.NewScanner(stdoutR); s.Scan(); {
			tr.lines <- s.Text()
		}
		stdoutR.Close()
	}()
	t.Cleanup(func() {
		stdinW.Close()
		_ = syscall.Kill(tr.root, syscall.SIGCONT)
		_ = cmd.Wait()
		for range tr.lines { // until all have gone
		}
	})
	return tr
}

// number waits for a line, which must be a number.
func (tr troupe) number(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(<-tr.lines)
	require.NoError(t, err)
	return n
}

// ways are the ways in which procfs learns of births.
var ways = map[string]func(*procfs){
	"last pid":       func(*procfs) {},
	"children files": func(p *procfs) { p.newborn.end() },
	"all of proc":    func(p *procfs) { p.newborn.end(); p.children = false },
	"last pid, all":  func(p *procfs) { p.children = false },
}

// Whatever happens to a real tree, procfs sees what gopsutil sees.
func TestTreesOfBothSourcesAreTheSame(t *testing.T) {
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr := play(t, "member")
			require.Equal(t, tr.root, tr.number(t))
			p, err := newProcfs("/proc")
			require.NoError(t, err)
			defer p.close()
			way(p)
			truth := func() []int {
				other := newPortable().(*portable)
				require.NoError(t, other.pass())
				return pids(other, tr.root)
			}
			ready := []int{tr.root}
			born := map[int]bool{tr.root: true}
			random := rand.New(rand.NewPCG(1, 2))
			for range 25 {
				var alive []int // in the tree and listening
				for _, pid := range truth() {
					if slices.Contains(ready, pid) {
						alive = append(alive, pid)
					}
				}
				pid := alive[random.IntN(len(alive))]
				order := []syscall.Signal{syscall.SIGUSR1, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGKILL}[random.IntN(4)]
				if order == syscall.SIGKILL && pid == tr.root {
					order = syscall.SIGUSR1
				}
				require.NoError(t, syscall.Kill(pid, order))
				if order == syscall.SIGKILL {
					require.Eventually(t, func() bool { return !slices.Contains(truth(), pid) }, 60*time.Second, ms, "it may take a moment to die")
				} else {
					child := tr.number(t)
					require.False(t, born[child])
					born[child] = true
					ready = append(ready, child)
				}
				require.Eventually(t, func() bool { return slices.Equal(pids(p, tr.root), truth()) }, 60*time.Second, ms,
					"after signal %d to %d of %v", order, pid, alive)
			}
			tree := truth()
			require.Greater(t, len(tree), 3, "a tree too small to tell")
			other := play(t, "member")
			require.Equal(t, other.root, other.number(t))
			more := append(tree, other.root)
			slices.Sort(more)
			require.Equal(t, more, pids(p, tr.root, more...), "extra members, and nobody twice")
			require.Equal(t, more, pids(newPortable(), tr.root, more...))
			p.sweep()
			require.Eventually(t, func() bool {
				_ = pids(p, tr.root)
				p.sweep()
				return len(p.procs) == len(truth())
			}, 60*time.Second, ms, "the others are forgotten")
			require.Equal(t, len(p.procs), p.open)
		})
	}
}

// Both sources read the same from a tree that stands still.
func TestReadingsOfBothSourcesAreTheSame(t *testing.T) {
	tr := play(t, "member")
	tree := []int{tr.number(t)}
	for range 3 {
		require.NoError(t, syscall.Kill(tree[len(tree)-1], syscall.SIGUSR1))
		tree = append(tree, tr.number(t))
	}
	p, err := newProcfs("/proc")
	require.NoError(t, err)
	defer p.close()
	for _, pid := range tree {
		require.NoError(t, syscall.Kill(pid, syscall.SIGSTOP))
		defer syscall.Kill(pid, syscall.SIGCONT)
		require.Eventually(t, func() bool { return allStopped(pid) }, 60*time.Second, ms)
	}
	read := func(p source) []reading {
		require.NoError(t, p.look(0))
		all, ok := p.tree(nil, tr.root, 0, nil)
		require.True(t, ok)
		slices.SortFunc(all, func(a, b reading) int { return a.pid - b.pid })
		for i := range all {
			require.Less(t, all[i].age, time.Hour)
			all[i].age = 0
			all[i].reaped = 0                                 // gopsutil does not tell
			all[i].self = all[i].self.Round(time.Millisecond) // gopsutil tells as a float
		}
		return all
	}
	ours, theirs := read(p), read(newPortable())
	require.Len(t, ours, len(tree))
	for i := range ours {
		// stat tells the pages without what each CPU has yet to add to the
		// sum, of three kinds of pages; gopsutil reads statm, which waits for
		// all of it.
		batch := max(32, 2*runtime.NumCPU())
		require.InDelta(t, theirs[i].rss, ours[i].rss, float64(3*batch*runtime.NumCPU()*os.Getpagesize()))
		ours[i].rss = theirs[i].rss
	}
	require.Equal(t, theirs, ours)
	require.Equal(t, tr.root, ours[slices.IndexFunc(ours, func(r reading) bool { return r.pid == tr.root })].pid)
	for _, r := range ours {
		require.Positive(t, r.rss)
		require.Greater(t, r.threads, 1, "a Go program has several")
		require.Positive(t, r.start)
	}
}

// allStopped says that every thread of pid has come to rest.
func allStopped(pid int) bool {
	dir := "/proc/" + strconv.Itoa(pid) + "/task"
	tasks, err := os.ReadDir(dir)
	for _, task := range tasks {
		line, err := os.ReadFile(dir + "/" + task.Name() + "/stat")
		if err != nil || !strings.Contains(string(line), ") T ") {
			return false
		}
	}
	return err == nil
}

// What children burn counts once, whether they are seen alive, die between two
// readings, or come and go in between.
func TestCPUTimeOfShortLivedChildrenCountsOnce(t *testing.T) {
	for _, every := range []time.Duration{2 * ms, 40 * ms, time.Second} {
		t.Run(every.String(), func(t *testing.T) {
			tr := play(t, "burner")
			p, err := newProcfs("/proc")
			require.NoError(t, err)
			defer p.close()
			var a account
			var l ledger
			observe := func() Sample {
				require.NoError(t, p.look(0))
				readings, ok := p.tree(nil, tr.root, 0, nil)
				require.True(t, ok)
				return a.observe(time.Now(), readings, time.Second/2, &l)
			}
			clock := time.NewTicker(every)
			defer clock.Stop()
			observations := 0
			for {
				select {
				case <-clock.C:
					observe()
					observations++
					continue
				case text := <-tr.lines:
					burnt, err := strconv.ParseInt(text, 10, 64)
					require.NoError(t, err)
					got := observe()
					t.Logf("%v of %v in %d observations", got.CPUTime, time.Duration(burnt), observations+1)
					// The kernel tells user and system time in whole ticks of
					// 10 ms each, of the parent and of each of its 8 children.
					require.InDelta(t, burnt, int64(got.CPUTime), float64(10*20*ms))
				}
				break
			}
		})
	}
}

func TestSamplerOfBothSourcesOnABusyTree(t *testing.T) {
	for _, source := range []string{Linux, Gopsutil} {
		t.Run(source, func(t *testing.T) {
			tr := play(t, "member")
			require.Equal(t, tr.root, tr.number(t))
			require.NoError(t, syscall.Kill(tr.root, syscall.SIGUSR1))
			tr.number(t)
			start, _, err := identify(int32(tr.root))
			require.NoError(t, err)
			s, err := New(Options{Source: source, TTL: -1, Roots: func() []Root {
				return []Root{{PID: tr.root, Start: start}}
			}})
			require.NoError(t, err)
			defer s.Close()
			require.Equal(t, source, s.Stats().Source)
			got, ok := s.Read(tr.root)
			require.True(t, ok)
			require.Equal(t, 2, got.Procs)
			require.Greater(t, got.RSS, got.MainRSS)
			require.Greater(t, got.Threads, 2)
			require.WithinDuration(t, time.Now(), got.At, time.Minute)

			require.NoError(t, syscall.Kill(tr.root, syscall.SIGKILL))
			require.Eventually(t, func() bool { _, ok := s.Read(tr.root); return !ok }, 60*time.Second, ms)
		})
	}
}
