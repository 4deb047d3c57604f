package logs

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"weaver/app"
)

func init() { childModes["carry"] = carryFor }

// carryFor is a supervisor in short: it starts a printer of n lines, says its pid, and carries its output until killed.
func carryFor(n int) {
	e, err := NewEngine(Options{})
	check(err)
	p, err := e.Pipe(PipeOptions{Stream: app.Out, Dests: dest(os.Getenv("WEAVER_LOGS_FILE"))})
	check(err)
	self, err := os.Executable()
	check(err)
	attr := &os.ProcAttr{
		Env:   []string{fmt.Sprintf("%s=print 1 %d 100", childVar, n)},
		Files: []*os.File{nil, os.NewFile(uintptr(p.ChildFD()), "child"), os.Stderr},
	}
	child, err := os.StartProcess(self, []string{self}, attr)
	check(err)
	p.CloseChild()
	fmt.Println(child.Pid)
	<-context.Background().Done()
}

// A supervisor that is killed at any moment loses nothing: what is not in the file is still in the pipe, and the child
// neither gets SIGPIPE nor an error. Whole chunks may be in both.
func TestKilledSupervisorLosesNothing(t *testing.T) {
	const n = 300_000
	for round := range 5 {
		path := filepath.Join(t.TempDir(), "a.log")
		cmd := printer(t, "carry", 0, n, 1)
		cmd.Env = append(cmd.Env, "WEAVER_LOGS_FILE="+path)
		says, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		var pid int
		_, err = fmt.Fscan(says, &pid)
		require.NoError(t, err)
		eventually(t, "it is in the middle of it", func() bool {
			st, err := os.Stat(path)
			return err == nil && st.Size() > int64(round*1_500_000)
		})
		t.Cleanup(func() {
			if t.Failed() { // it would wait for ever on a full pipe
				_ = unix.Kill(pid, unix.SIGKILL)
			}
		})
		pipe, err := os.Open(fmt.Sprintf("/proc/%d/fd/1", pid)) // before the child can end
		require.NoError(t, err)
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait()
		inFile := content(t, path)
		next := strings.Count(inFile, "\n")
		require.Equal(t, string(printed(1, next, 100)), inFile[:next*100], "the file has each line once")
		begun := inFile[next*100:]

		in := bufio.NewReader(pipe)
		first := true
		for next < n {
			line, err := in.ReadString('\n')
			require.NoError(t, err, "line %d of %d", next, n)
			if first { // the rest of a line, or a repetition
				first = false
				if len(line) < 100 && strings.HasSuffix(string(printed(1, next+1, 100)), begun+line) {
					next++
					continue
				}
				if len(line) < 100 {
					continue
				}
			}
			var id, seq int
			_, err = fmt.Sscanf(line, "%d %d ", &id, &seq)
			require.NoError(t, err)
			require.LessOrEqual(t, seq, next, "no line is missing")
			next = max(next, seq+1)
		}
		require.NoError(t, pipe.Close())
	}
}

func TestChildsEnd(t *testing.T) {
	e := newEngine(t, Options{})
	p, err := e.Pipe(PipeOptions{Stream: app.Out, Dests: dest(filepath.Join(t.TempDir(), "a"))})
	require.NoError(t, err)
	flags, err := unix.FcntlInt(uintptr(p.ChildFD()), unix.F_GETFL, 0)
	require.NoError(t, err)
	require.Equal(t, unix.O_RDWR, flags&unix.O_ACCMODE, "it can be read, so that the child never gets EPIPE")
	require.Zero(t, flags&unix.O_NONBLOCK)
	flags, err = unix.FcntlInt(uintptr(p.ChildFD()), unix.F_GETFD, 0)
	require.NoError(t, err)
	require.NotZero(t, flags&unix.FD_CLOEXEC)
	p.CloseChild()
	await(t, p.Done())
	require.Equal(t, -1, p.ChildFD())
	p.CloseChild()
}

// Whoever prints a lot gets a larger pipe, and an ordinary one again afterwards.
func TestHotPipesAreEnlargedForAWhile(t *testing.T) {
	e := newEngine(t, Options{})
	p, child := open(t, e, PipeOptions{Dests: dest(filepath.Join(t.TempDir(), "a"))})
	write(t, child, strings.Repeat("x\n", 1_000_000))
	flush(t, p)
	l := e.reader.(*loop)
	eventually(t, "it is small again", func() bool {
		return l.raised.Load() == 0 && pipeRoom(int(child.Fd())) == roomUsual
	})
	write(t, child, strings.Repeat("x\n", 1_000_000))
	finish(t, p, child)
	require.Zero(t, l.raised.Load())
}

// A JSON line that is larger than an ordinary pipe is one object nevertheless.
func TestLongJSONLinesStayWhole(t *testing.T) {
	e := newEngine(t, Options{})
	path := filepath.Join(t.TempDir(), "a")
	p, child := open(t, e, PipeOptions{Dests: dest(path), Format: app.JSON})
	if _, err := unix.FcntlInt(child.Fd(), unix.F_SETPIPE_SZ, roomMax); err != nil { // as the engine would, but before the first line
		t.Skipf("pipes cannot be enlarged here: %v", err)
	}
	for range 10 {
		write(t, child, strings.Repeat("é", 60_000)+"\n")
	}
	flush(t, p)
	require.Equal(t, 10, strings.Count(content(t, path), `{"message":"éé`))
	require.Equal(t, 10, strings.Count(content(t, path), "\n"))
	write(t, child, "x"+strings.Repeat("é", 400_000)) // one that cannot stay whole is not cut within a character
	finish(t, p, child)
	require.Equal(t, 10*60_000+400_000, strings.Count(content(t, path), "é"))
}

// What is being written is still in the pipe: a kill at this very moment would not lose it.
func TestBytesStayInThePipeUntilTheyAreInTheFile(t *testing.T) {
	d := &disk{room: -1, hang: make(chan struct{}), hung: make(chan struct{}, 1)}
	e := newEngine(t, Options{openFile: d.openFile})
	p, child := open(t, e, PipeOptions{Dests: dest(filepath.Join(t.TempDir(), "a"))})
	inPipe := func() int {
		n, err := unix.IoctlGetInt(int(child.Fd()), unix.TIOCINQ)
		require.NoError(t, err)
		return n
	}
	write(t, child, "hello\n")
	await(t, d.hung)
	require.Equal(t, 6, inPipe())
	close(d.hang)
	flush(t, p)
	require.Zero(t, inPipe())
}

func TestPipesAndFIFOsAsFiles(t *testing.T) {
	e := newEngine(t, Options{})
	fifo := filepath.Join(t.TempDir(), "fifo")
	require.NoError(t, unix.Mkfifo(fifo, 0o600))
	_, err := e.Pipe(PipeOptions{Dests: dest(fifo)})
	require.ErrorContains(t, err, fifo, "nobody reads it")
	r, err := os.OpenFile(fifo, os.O_RDWR, 0)
	require.NoError(t, err)
	defer r.Close()
	p, child := open(t, e, PipeOptions{Dests: dest(fifo)})
	write(t, child, "hello\n")
	flush(t, p)
	got := make([]byte, 6)
	_, err = r.Read(got)
	require.NoError(t, err)
	require.Equal(t, "hello\n", string(got))
	write(t, child, strings.Repeat("nobody reads\n", 100_000))
	flush(t, p)
	require.Positive(t, e.Stats().Dropped, "and it stops nobody")
	to, err := e.Rotate(fifo)
	require.NoError(t, err)
	require.Empty(t, to)
	require.NoError(t, e.Truncate(fifo))
	finish(t, p, child)
}

// Any output in any pieces is in the file as it was, whatever else shares the file.
func FuzzPipe(f *testing.F) {
	f.Add([]byte("one\ntwo"), []byte("\x00\xff"), 3, true, false)
	f.Add(bytes.Repeat([]byte("x"), 100_000), []byte("\n\n"), 70_000, false, true)
	f.Fuzz(func(t *testing.T, one, two []byte, size int, shared, followed bool) {
		if len(two) == 0 {
			return
		}
		e, err := NewEngine(Options{})
		require.NoError(t, err)
		dir := t.TempDir()
		paths := []string{filepath.Join(dir, "a"), filepath.Join(dir, "b")}
		var dests []Dest
		for _, path := range paths {
			dests = append(dests, Dest{path, Rotation{MaxSize: -1}})
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var lines <-chan app.Line
		if followed {
			lines = e.Follow(ctx, FollowOptions{Buffer: 1 << 20})
		}
		p, child := open(t, e, PipeOptions{Dests: dests})
		if shared {
			open(t, e, PipeOptions{Dests: dests[:1]})
		}
		want := append(bytes.Clone(one), two...)
		for rest := want; len(rest) > 0; {
			n := min(len(rest), 1+abs(size)%len(want))
			_, err := child.Write(rest[:n])
			require.NoError(t, err)
			rest = rest[n:]
			if n%3 == 0 {
				flush(t, p)
			}
		}
		finish(t, p, child)
		require.NoError(t, e.Close())
		require.Equal(t, string(want), content(t, paths[0]))
		require.Equal(t, string(want), content(t, paths[1]))
		if followed {
			var seen strings.Builder
			for l := range lines {
				require.Zero(t, l.Missed)
				seen.WriteString(l.Text)
			}
			require.Equal(t, strings.ReplaceAll(string(want), "\n", ""), seen.String())
		}
	})
}
