package logs

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"weaver/app"
)

// childVar makes the test binary a program that prints: its value is the mode and numbers.
const childVar = "WEAVER_LOGS_CHILD"

func TestMain(m *testing.M) {
	if mode := os.Getenv(childVar); mode != "" {
		childMain(mode)
		return
	}
	goleak.VerifyTestMain(m)
}

// childModes are other things that a child can do, with a number.
var childModes = map[string]func(int){}

// childMain prints to standard output with raw writes and exits at once.
func childMain(mode string) {
	var kind string
	var id, count, size int
	if _, err := fmt.Sscanf(mode, "%s %d %d %d", &kind, &id, &count, &size); err != nil {
		panic(err)
	}
	if special := childModes[kind]; special != nil {
		special(count)
		return
	}
	line := bytes.Repeat([]byte{'x'}, size)
	line[size-1] = '\n'
	for seq := range count {
		copy(line, fmt.Sprintf("%04d %09d ", id, seq))
		if _, err := os.Stdout.Write(line); err != nil {
			os.Exit(9)
		}
	}
}

// printer returns the command of a child that prints count lines of size bytes, each with id and number.
func printer(t testing.TB, kind string, id, count, size int) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d %d %d", childVar, kind, id, count, size))
	return cmd
}

// both runs a test with the reader of this system and with the portable one.
func both(t *testing.T, test func(t *testing.T, o Options)) {
	t.Run("native", func(t *testing.T) { test(t, Options{}) })
	t.Run("portable", func(t *testing.T) { test(t, Options{portable: true}) })
}

func newEngine(t testing.TB, o Options) *Engine {
	t.Helper()
	e, err := NewEngine(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e
}

func dest(path string) []Dest { return []Dest{{Path: path}} }

// open makes a pipe and returns it with the child's end, as a file of the test's own.
func open(t testing.TB, e *Engine, o PipeOptions) (*Pipe, *os.File) {
	t.Helper()
	if o.Stream == "" {
		o.Stream = app.Out
	}
	p, err := e.Pipe(o)
	require.NoError(t, err)
	f := dup(t, p)
	t.Cleanup(func() { _ = f.Close() })
	return p, f
}

func write(t testing.TB, f *os.File, s string) {
	t.Helper()
	_, err := f.WriteString(s)
	require.NoError(t, err)
}

func flush(t testing.TB, p *Pipe) {
	t.Helper()
	require.NoError(t, p.Flush(t.Context()))
}

// finish closes the child's end and awaits the pipe's end.
func finish(t testing.TB, p *Pipe, f *os.File) {
	t.Helper()
	require.NoError(t, f.Close())
	await(t, p.Done())
}

// patience is how long anything may take before a test gives up; nothing depends on it otherwise.
const patience = 30 * time.Second

func await[T any](t testing.TB, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		require.FailNow(t, "nothing came")
		panic("unreachable")
	}
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	require.Eventually(t, ok, patience, time.Millisecond, what)
}

func content(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(b)
}

func names(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 11, 23, 14, 5, 9, 7e6, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// disk is an output layer that can be told to refuse.
type disk struct {
	mu    sync.Mutex
	room  int64 // bytes that may still be written; negative is no limit
	err   error // what comes then
	hang  chan struct{}
	hung  chan struct{} // told when a write hangs
	noNew error         // why files cannot be opened
	only  string        // base name of the file this is about; all when empty
	wrote func()        // called before each write
}

func (d *disk) openFile(path string, create bool) (output, status, string, error) {
	d.mu.Lock()
	err := d.noNew
	d.mu.Unlock()
	if err != nil {
		return nil, status{}, path, err
	}
	out, st, real, err := openOutput(path, create)
	if err == nil && (d.only == "" || d.only == filepath.Base(path)) {
		out = diskFile{out, d}
	}
	return out, st, real, err
}

func (d *disk) set(room int64, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.room, d.err = room, err
}

func (d *disk) beforeWrites(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wrote = f
}

func (d *disk) refuseNew(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.noNew = err
}

type diskFile struct {
	output
	d *disk
}

func (f diskFile) Write(b []byte) (int, error) {
	f.d.mu.Lock()
	hang, wrote := f.d.hang, f.d.wrote
	n := len(b)
	var err error
	if f.d.room >= 0 {
		if n = int(min(f.d.room, int64(n))); n < len(b) {
			err = f.d.err
		}
		f.d.room -= int64(n)
	}
	f.d.mu.Unlock()
	if wrote != nil {
		wrote()
	}
	if hang != nil {
		f.d.hung <- struct{}{}
		<-hang
	}
	w, werr := f.output.Write(b[:n])
	if werr != nil {
		return w, werr
	}
	return w, err
}

// heard collects what an engine reports.
type heard struct {
	mu  sync.Mutex
	all []string
}

func (h *heard) hear(path string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = append(h.all, filepath.Base(path)+": "+err.Error())
}

func (h *heard) list() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string(nil), h.all...)
}

func numbered(from, to int) string {
	var b []byte
	for i := from; i < to; i++ {
		b = append(b, "line "...)
		b = strconv.AppendInt(b, int64(i), 10)
		b = append(b, '\n')
	}
	return string(b)
}

func printerName(id int) string { return fmt.Sprintf("p%d-out.log", id) }

// printed is what the child of the same numbers prints.
func printed(id, count, size int) []byte {
	var out bytes.Buffer
	for seq := range count {
		line := bytes.Repeat([]byte{'x'}, size)
		line[size-1] = '\n'
		copy(line, fmt.Sprintf("%04d %09d ", id, seq))
		out.Write(line)
	}
	return out.Bytes()
}

func itoa(n int) string { return strconv.Itoa(n) }

func abs(n int) int { return max(n, -max(n, -1<<62)) }
