package logs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"weaver/app"
	"weaver/logs/ledger"
)

func init() { childModes["succeed"] = succeed }

// heirs are pipes of all kinds, as a supervisor leaves them.
func heirs(dir string) []PipeOptions {
	to := func(names ...string) (d []Dest) {
		for _, n := range names {
			d = append(d, Dest{Path: filepath.Join(dir, n)})
		}
		return d
	}
	list := []PipeOptions{
		{Dests: to("raw.log")},
		{Dests: to("dated.log"), DateFormat: "YYYY-MM-DD HH:mm:ss.SSS"},
		{Dests: to("shared.log")},
		{Dests: to("shared.log")},
		{Dests: to("four.log", "all.log")},
		{Dests: to("five.log", "all.log")},
		{Dests: []Dest{{Path: filepath.Join(dir, "rotated.log"), Rotation: Rotation{MaxSize: 300_000, Keep: -1}}}},
		{Dests: to("json.log"), Format: app.JSON},
	}
	for i := range list {
		list[i].ID, list[i].Name, list[i].Stream = app.ID(i), fmt.Sprint("p", i), app.Out
	}
	return list
}

// The descriptors that a successor inherits.
const (
	heirLedger = 3
	heirSpent  = heirLedger + 1
	heirPipes  = heirSpent + ledger.Pages
)

// succeed is a supervisor in short, which adopts pipes and carries them to their end.
func succeed(int) {
	claim := func(name string) (int, bool) {
		switch name {
		case ledger.MemoryName:
			return heirLedger, true
		case ledger.RoutesName:
			return 0, false
		}
		var i int
		_, err := fmt.Sscanf(name, ledger.SpentName+"%d", &i)
		check(err)
		return heirSpent + i, true
	}
	ledger, err := OpenLedger(claim, func(string, int) error { return nil }, "")
	check(err)
	e, err := NewEngine(Options{Ledger: ledger, OnError: func(path string, err error) { fmt.Fprintln(os.Stderr, path, err) }})
	check(err)
	var pipes []*Pipe
	for i, o := range heirs(os.Getenv("WEAVER_LOGS_DIR")) {
		p, err := e.Adopt(o, heirPipes+i)
		check(err)
		pipes = append(pipes, p)
	}
	e.Adopted()
	fmt.Println("ok")
	for _, p := range pipes {
		<-p.Done()
	}
}

// TestEveryLineIsInItsFileOnceWhoeverDies kills supervisors in the middle of it, one after the other.
func TestEveryLineIsInItsFileOnceWhoeverDies(t *testing.T) {
	const kills = 25
	lines := 60_000
	if testing.Short() {
		lines = 20_000
	}
	dir := t.TempDir()
	kept := map[string]int{}
	_, err := OpenLedger(func(string) (int, bool) { return 0, false }, func(name string, fd int) error {
		kept[name] = fd
		return nil
	}, "")
	require.NoError(t, err)
	extra := make([]*os.File, heirPipes-3)
	for name, fd := range kept {
		i := 0
		if name != ledger.MemoryName {
			_, err := fmt.Sscanf(name, ledger.SpentName+"%d", &i)
			require.NoError(t, err)
			i++
		}
		extra[i] = os.NewFile(uintptr(fd), name)
	}
	options := heirs(dir)
	for i := range options {
		var ends [2]int
		require.NoError(t, unix.Pipe2(ends[:], unix.O_CLOEXEC))
		both, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", ends[0]), os.O_RDWR, 0)
		require.NoError(t, err)
		unix.Close(ends[1])
		extra = append(extra, os.NewFile(uintptr(ends[0]), "pipe"))
		writer := printer(t, "print", i, lines, 100)
		writer.Stdout = both
		require.NoError(t, writer.Start())
		both.Close()
		t.Cleanup(func() {
			_ = writer.Process.Kill()
			_ = writer.Wait()
		})
	}
	t.Cleanup(func() {
		for _, f := range extra {
			f.Close()
		}
	})
	var complaints bytes.Buffer
	random := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))
	for n := range kills + 1 {
		cmd := printer(t, "succeed", 0, 1, 1)
		cmd.Env = append(cmd.Env, "WEAVER_LOGS_DIR="+dir)
		cmd.ExtraFiles, cmd.Stderr = extra, &complaints
		says, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		if n == kills {
			require.NoError(t, cmd.Wait(), "%s", &complaints)
			break
		}
		// Sometimes before it has adopted all.
		if n%5 != 0 {
			_, _ = fmt.Fscanln(says)
		}
		time.Sleep(time.Duration(random.IntN(12_000)) * time.Microsecond) // no wait for anything: the moment is to be any
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait()
	}
	assert.Empty(t, complaints.String())
	for i, o := range options {
		for _, d := range o.Dests {
			checkOnce(t, d.Path, i, lines)
		}
	}
}

// checkOnce fails unless the log has the printer's lines once, whole and in order, among whatever else.
func checkOnce(t *testing.T, path string, id, lines int) {
	t.Helper()
	var text strings.Builder
	files, err := rotatedOf(path, "")
	require.NoError(t, err)
	for _, f := range files {
		text.WriteString(content(t, f.path))
	}
	text.WriteString(content(t, path))
	want := 0
	for line := range strings.Lines(text.String()) {
		if strings.HasPrefix(line, "{") {
			var obj struct{ Message string }
			require.NoError(t, json.Unmarshal([]byte(line), &obj), "%s: %q", path, line)
			line = obj.Message
		} else if strings.HasSuffix(path, "dated.log") {
			_, line, _ = strings.Cut(line, ": ")
		}
		var from, seq int
		_, err := fmt.Sscanf(line, "%d %d ", &from, &seq)
		require.NoError(t, err, "%s: %q after line %d", path, line, want)
		require.Len(t, line, 100, "%s: %q after line %d", path, line, want)
		if from != id {
			continue
		}
		require.Equal(t, want, seq, "%s, printer %d", path, id)
		want++
	}
	require.Equal(t, lines, want, "%s, printer %d", path, id)
}

func init() { childModes["claim"] = claimAndHang }

// claimAndHang is an anchor in short that hangs in a write to a log, until its input says what the write did: a number of bytes.
func claimAndHang(int) {
	const text, pipe, null = "one\ntwo\n", 4, 5
	m, err := ledger.Map(heirLedger)
	check(err)
	if !m.Own(os.Getpid()) {
		panic("it is another's")
	}
	m.Claim(inodeOfPipe(pipe), 0)
	page := m.Page(0, -1)
	page.Begin(inodeOfPipe(pipe), len(text), len(text), time.Now(), false, func(enter func(int) ledger.Entry) { enter(0) })
	out, st, _, err := openOutput(os.Getenv("WEAVER_LOGS_DIR")+"/raw.log", true)
	check(err)
	page.Entry(0).Writing(st.key.dev, st.key.ino, st.size, len(text))
	fmt.Println("ok")
	var wrote int
	_, err = fmt.Scan(&wrote)
	check(err)
	n, err := out.Write([]byte(text[:wrote]))
	check(err)
	page.Entry(0).Wrote(n)
	m.Unclaim()
	time.Sleep(time.Minute)
}

// An anchor that hangs in a write for longer than a supervisor waits keeps what it is about, and nothing else, until it is known how
// far the write got.
func TestWhatAHungAnchorWritesIsInItsFileOnce(t *testing.T) {
	for _, wrote := range []int{-1, 0, 5, 8} { // -1: it is killed instead
		dir := t.TempDir()
		t.Setenv("WEAVER_LOGS_DIR", dir)
		kept := map[string]int{}
		keep := func(name string, fd int) error {
			kept[name] = fd
			return nil
		}
		first, err := OpenLedger(func(string) (int, bool) { return 0, false }, keep, "")
		require.NoError(t, err)
		first.memory.Disown(os.Getpid())
		var hung, other [2]int
		require.NoError(t, unix.Pipe2(hung[:], unix.O_CLOEXEC))
		require.NoError(t, unix.Pipe2(other[:], unix.O_CLOEXEC))
		say := func(fd int, text string) {
			_, err := unix.Write(fd, []byte(text))
			require.NoError(t, err)
		}
		say(hung[1], "one\ntwo\n")
		anchor := printer(t, "claim", 0, 1, 1)
		memory, err := unix.Dup(kept[ledger.MemoryName])
		require.NoError(t, err)
		pipe, err := unix.Dup(hung[0])
		require.NoError(t, err)
		anchor.ExtraFiles = []*os.File{os.NewFile(uintptr(memory), "memory"), os.NewFile(uintptr(pipe), "pipe")}
		in, err := anchor.StdinPipe()
		require.NoError(t, err)
		says, err := anchor.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, anchor.Start())
		for _, f := range anchor.ExtraFiles {
			f.Close()
		}
		end := func() {
			_ = anchor.Process.Kill()
			_ = anchor.Wait()
		}
		t.Cleanup(end)
		_, _ = fmt.Fscanln(says)

		l, err := openLedger(func(name string) (int, bool) {
			fd, ok := kept[name]
			return fd, ok
		}, keep, "", 20*time.Millisecond)
		require.NoError(t, err)
		e, err := NewEngine(Options{Ledger: l})
		require.NoError(t, err)
		adopt := func(id app.ID, file string, fd int) *Pipe {
			p, err := e.Adopt(PipeOptions{ID: id, Name: file, Stream: app.Out, Dests: []Dest{{Path: filepath.Join(dir, file)}}}, fd)
			require.NoError(t, err)
			return p
		}
		late, soon := adopt(0, "raw.log", hung[0]), adopt(1, "other.log", other[0])
		e.Adopted()
		say(hung[1], "three\n")
		for i := range 5 { // through the page that is left
			say(other[1], fmt.Sprintln(i))
			require.NoError(t, soon.Flush(t.Context()))
		}
		assert.Equal(t, "0\n1\n2\n3\n4\n", content(t, filepath.Join(dir, "other.log")))
		assert.Empty(t, content(t, filepath.Join(dir, "raw.log")))
		if wrote < 0 {
			end()
		} else {
			fmt.Fprintln(in, wrote)
		}
		require.NoError(t, late.Flush(t.Context()))
		assert.Equal(t, "one\ntwo\nthree\n", content(t, filepath.Join(dir, "raw.log")), "wrote %d", wrote)
		unix.Close(hung[1])
		unix.Close(other[1])
		<-late.Done()
		<-soon.Done()
		require.NoError(t, e.Close())
		end()
	}
}

// What was on its way when supervisor and anchor died at once is known by the file in memory.
func TestALedgerOutlivesThoseWhoKeepIt(t *testing.T) {
	name := fmt.Sprintf("weaver-test-%d", os.Getpid())
	t.Cleanup(func() { RemoveLedger(name) })
	nobody := func(string) (int, bool) { return 0, false }
	var last *Ledger
	held := map[string]int{}
	keep := func(name string, fd int) error {
		held[name] = fd
		return nil
	}
	die := func() { // with the anchor: the kernel closes all
		for _, fd := range held {
			unix.Close(fd)
		}
		last.memory.Close()
	}
	open := func() *Ledger {
		if last != nil {
			die()
		}
		l, err := OpenLedger(nobody, keep, name)
		require.NoError(t, err)
		last = l
		return l
	}
	l := open()
	page := l.take()
	noteOn(page, 1234, 100, 100, time.Now(), false, nil)
	other := l.take()
	noteOn(other, 77, 10, 10, time.Now(), false, nil)
	other.SetState(ledger.Consuming)

	l = open()
	again := l.pending(1234)
	require.NotNil(t, again)
	assert.Equal(t, uint64(100), uint64(again.Used()))
	assert.Nil(t, l.pending(77), "how much was consumed nobody knows")
	again.SetState(ledger.Idle)
	l.giveBack(again)
	assert.Nil(t, open().pending(1234))

	info, err := os.Stat(sharedMemory + name)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode())
	require.NoError(t, os.Chmod(sharedMemory+name, 0o644))
	_, err = namedMemory(name)
	assert.Error(t, err, "others could have put it there")
	RemoveLedger(name)
	assert.NoFileExists(t, sharedMemory+name)
}

// What dead supervisors leave in memory is removed, unless somebody needs it.
func TestLedgersOfTheDeadAreRemoved(t *testing.T) {
	prefix := fmt.Sprintf("weaver-test-%d-", os.Getpid())
	open := func(name string) int {
		fd, err := namedMemory(prefix + name)
		require.NoError(t, err)
		t.Cleanup(func() { RemoveLedger(prefix + name) })
		return fd
	}
	held := open("held")
	defer unix.Close(held)
	for _, name := range []string{"needed", "dead"} {
		unix.Close(open(name))
	}
	require.NoError(t, os.WriteFile(sharedMemory+prefix+"other", []byte("somebody's"), 0o600))
	defer os.Remove(sharedMemory + prefix + "other")
	var asked []string
	clear := func() []string {
		return ClearLedgers(prefix, func(name string) bool {
			asked = append(asked, name)
			return name != "needed"
		})
	}
	assert.Equal(t, []string{"dead"}, clear())
	assert.ElementsMatch(t, []string{"needed", "dead"}, asked)
	assert.NoFileExists(t, sharedMemory+prefix+"dead")
	for _, name := range []string{"held", "needed", "other"} {
		assert.FileExists(t, sharedMemory+prefix+name)
	}
	_, err := namedMemory(prefix + "held")
	assert.ErrorIs(t, err, errTaken, "two never note in the same")
	copied, err := unix.Dup(held)
	require.NoError(t, err)
	unix.Close(held)
	assert.Empty(t, clear(), "whoever has a copy holds it")
	unix.Close(copied)
	assert.Equal(t, []string{"held"}, clear())
}
