package logs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weaver/app"
)

// Lines of processes that share a file, by whatever path, stay whole: also those longer than a pipe holds.
func TestLinesOfASharedFileDoNotMix(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		e := newEngine(t, o)
		dir := t.TempDir()
		path, link, hard := filepath.Join(dir, "a.log"), filepath.Join(dir, "link.log"), filepath.Join(dir, "hard.log")
		require.NoError(t, os.WriteFile(path, nil, 0o644))
		require.NoError(t, os.Symlink("a.log", link))
		require.NoError(t, os.Link(path, hard))
		sizes := []int{100, 333, 7001, 64 << 10, 300_000}
		var wg sync.WaitGroup
		for id, size := range sizes {
			p, err := e.Pipe(PipeOptions{
				ID: app.ID(id), Stream: app.Out,
				Dests: []Dest{{Path: []string{path, link, hard}[id%3], Rotation: Rotation{MaxSize: -1}}},
			})
			require.NoError(t, err)
			cmd := printer(t, "print", id, 3_000_000/size, size)
			cmd.Stdout = dup(t, p)
			wg.Go(func() {
				if err := cmd.Run(); err != nil {
					t.Error(err)
				}
				_ = cmd.Stdout.(*os.File).Close()
				await(t, p.Done())
			})
		}
		if !o.portable {
			require.Equal(t, 1, e.Stats().Sinks, "one sink for one inode")
		}
		wg.Wait()
		next := make([]int, len(sizes))
		for _, line := range strings.Split(strings.TrimSuffix(content(t, path), "\n"), "\n") {
			var id, seq int
			_, err := fmt.Sscanf(line, "%d %d ", &id, &seq)
			require.NoError(t, err, "%.60q", line)
			require.Equal(t, next[id], seq)
			require.Len(t, line, sizes[id]-1)
			next[id]++
		}
		for id, size := range sizes {
			require.Equal(t, 3_000_000/size, next[id])
		}
	})
}

// A process that stops in the middle of a line must not keep the others from the file they share.
func TestAnUnfinishedLineDoesNotBlockASharedFile(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		e := newEngine(t, o)
		path := filepath.Join(t.TempDir(), "a.log")
		p1, one := open(t, e, PipeOptions{Dests: dest(path)})
		p2, two := open(t, e, PipeOptions{Dests: dest(path)})
		write(t, one, "unfinished")
		flush(t, p1)
		write(t, two, "whole\n")
		flush(t, p2)
		require.Equal(t, "unfinishedwhole\n", content(t, path), "exactly what was printed")
	})
}

func TestBothStreamsReachTheCombinedFile(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		e := newEngine(t, o)
		dir := t.TempDir()
		all := filepath.Join(dir, "all.log")
		po, out := open(t, e, PipeOptions{Stream: app.Out, Dests: []Dest{{Path: filepath.Join(dir, "o")}, {Path: all}}})
		pe, err := open(t, e, PipeOptions{Stream: app.Err, Dests: []Dest{{Path: filepath.Join(dir, "e")}, {Path: all}}})
		write(t, out, "1\n")
		flush(t, po)
		write(t, err, "2\n")
		flush(t, pe)
		write(t, out, "3")
		finish(t, po, out)
		finish(t, pe, err)
		require.Equal(t, "1\n2\n3", content(t, all))
		require.Equal(t, "1\n3", content(t, filepath.Join(dir, "o")))
		require.Equal(t, "2\n", content(t, filepath.Join(dir, "e")))
	})
}

func TestTheSameFileTwiceGetsOutputOnce(t *testing.T) {
	e := newEngine(t, Options{})
	path := filepath.Join(t.TempDir(), "a.log")
	p, child := open(t, e, PipeOptions{Dests: []Dest{{Path: path}, {Path: path}}})
	write(t, child, "once\n")
	finish(t, p, child)
	require.Equal(t, "once\n", content(t, path))
}

func TestOthersMayTruncateAndAppend(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		e := newEngine(t, o)
		path := filepath.Join(t.TempDir(), "a.log")
		p, child := open(t, e, PipeOptions{Dests: dest(path)})
		write(t, child, "one\n")
		flush(t, p)
		require.NoError(t, os.Truncate(path, 0)) // `> a.log`, and the second half of copytruncate
		write(t, child, "two\n")
		flush(t, p)
		f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
		require.NoError(t, err)
		write(t, f, "other\n")
		require.NoError(t, f.Close())
		write(t, child, "three\n")
		flush(t, p)
		require.Equal(t, "two\nother\nthree\n", content(t, path), "no hole of zeros, nothing overwritten")
	})
}

func TestReopenFollowsRenaming(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		e := newEngine(t, o)
		path := filepath.Join(t.TempDir(), "a.log")
		p, child := open(t, e, PipeOptions{Dests: dest(path)})
		p2, child2 := open(t, e, PipeOptions{Dests: dest(path)})
		write(t, child, "one\n")
		flush(t, p)
		require.NoError(t, os.Rename(path, path+".1"))
		write(t, child, "two\n")
		flush(t, p)
		require.NoFileExists(t, path, "as PM2: until told, the renamed file is written to")
		require.NoError(t, e.Reopen())
		write(t, child, "three\n")
		flush(t, p)
		write(t, child2, "four\n")
		flush(t, p2)
		require.Equal(t, "one\ntwo\n", content(t, path+".1"))
		require.Equal(t, "three\nfour\n", content(t, path))
		require.Equal(t, 1, e.Stats().Sinks)
	})
}

func TestReopenNamesWhatItCannotOpen(t *testing.T) {
	e := newEngine(t, Options{})
	dir := filepath.Join(t.TempDir(), "sub")
	path := filepath.Join(dir, "a.log")
	p, child := open(t, e, PipeOptions{Dests: dest(path)})
	require.NoError(t, os.Rename(dir, dir+".old"))
	require.NoError(t, os.WriteFile(dir, nil, 0o600))
	require.ErrorContains(t, e.Reopen(), path)
	write(t, child, "still\n")
	flush(t, p)
	require.Equal(t, "still\n", content(t, filepath.Join(dir+".old", "a.log")))
}

func TestRemovedFilesAreMadeAgain(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		clock := newClock()
		o.Now = clock.now
		e := newEngine(t, o)
		dir := filepath.Join(t.TempDir(), "logs")
		path := filepath.Join(dir, "a.log")
		p, child := open(t, e, PipeOptions{Dests: dest(path)})
		write(t, child, "one\n")
		flush(t, p)
		require.NoError(t, os.RemoveAll(dir))
		clock.pass(checkEvery)
		write(t, child, "two\n")
		flush(t, p)
		require.Equal(t, "two\n", content(t, path))
		require.Equal(t, 1, e.Stats().Sinks)
	})
}

func TestAFileThatCannotBeMadeAgainIsReportedAndMarked(t *testing.T) {
	clock, h, d := newClock(), &heard{}, &disk{room: -1}
	e := newEngine(t, Options{Now: clock.now, OnError: h.hear, openFile: d.openFile})
	path := filepath.Join(t.TempDir(), "a.log")
	p, child := open(t, e, PipeOptions{Dests: dest(path)})
	require.NoError(t, os.Remove(path))
	d.refuseNew(syscall.EROFS)
	clock.pass(checkEvery)
	write(t, child, "lost\n")
	flush(t, p)
	require.Equal(t, []string{"a.log: open log " + path + ": read-only file system"}, h.list())
	d.refuseNew(nil)
	clock.pass(retryEvery)
	write(t, child, "back\n")
	flush(t, p)
	require.Equal(t, "[weaver] 5 bytes of output were lost: open log "+path+": read-only file system\nback\n", content(t, path))
}

func TestAFullDiskIsMarked(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		clock, h, d := newClock(), &heard{}, &disk{room: 7, err: syscall.ENOSPC}
		o.Now, o.OnError, o.openFile = clock.now, h.hear, d.openFile
		e := newEngine(t, o)
		path := filepath.Join(t.TempDir(), "a.log")
		p, child := open(t, e, PipeOptions{Dests: dest(path)})
		say := func(s string) {
			write(t, child, s)
			flush(t, p)
		}
		say("one\ntwo\n") // one byte too many
		say("gone\n")
		require.Equal(t, "one\ntwo", content(t, path))
		clock.pass(retryEvery)
		d.set(20, syscall.ENOSPC) // a little room: not enough for the marker
		say("gone, too: un")
		require.Equal(t, "one\ntwo", content(t, path), "half a marker is taken back")
		clock.pass(retryEvery)
		d.set(-1, nil)
		say("finished\nhere again\n")
		lost := len("\n") + len("gone\n") + len("gone, too: un") + len("finished\n")
		marker := fmt.Sprintf("[weaver] %d bytes of output were lost: no space left on device\n", lost)
		require.Equal(t, "one\ntwo\n"+marker+"here again\n", content(t, path), "and output goes on with a whole line")
		require.EqualValues(t, lost, e.Stats().Dropped)
		require.Equal(t, []string{"a.log: write log " + path + ": no space left on device"}, h.list(), "reported once")
		say("on\n")
		require.True(t, strings.HasSuffix(content(t, path), "here again\non\n"))
	})
}

func TestTheGapIsMarkedWithoutFurtherOutput(t *testing.T) {
	d := &disk{room: 0, err: syscall.EIO}
	e := newEngine(t, Options{openFile: d.openFile})
	path := filepath.Join(t.TempDir(), "a.log")
	p, child := open(t, e, PipeOptions{Dests: dest(path), Format: app.JSON, Name: "web"})
	write(t, child, "lost\n")
	flush(t, p)
	d.set(-1, nil)
	eventually(t, "the marker comes by itself", func() bool {
		return strings.Contains(content(t, path), "bytes of output were lost: input/output error")
	})
	require.True(t, strings.HasPrefix(content(t, path), `{"message":"[weaver] `), "as JSON among JSON")
	finish(t, p, child)
}

func TestTheGapIsMarkedAtTheEnd(t *testing.T) {
	clock, d := newClock(), &disk{room: 0, err: syscall.ENOSPC}
	e := newEngine(t, Options{openFile: d.openFile, Now: clock.now})
	path := filepath.Join(t.TempDir(), "a.log")
	p, child := open(t, e, PipeOptions{Dests: dest(path)})
	write(t, child, "lost\n")
	flush(t, p)
	d.set(-1, nil)
	finish(t, p, child)
	require.NoError(t, e.Close())
	require.Equal(t, "[weaver] 5 bytes of output were lost: no space left on device\n", content(t, path))
}

// A disk that hangs keeps those waiting who write to it, and nobody else.
func TestAHungDiskStopsOnlyItsOwn(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		d := &disk{room: -1, hang: make(chan struct{}), hung: make(chan struct{}, 100), only: "slow.log"}
		o.openFile = d.openFile
		e := newEngine(t, o)
		dir := t.TempDir()
		slow, slowChild := open(t, e, PipeOptions{Dests: dest(filepath.Join(dir, "slow.log"))})
		_, sharing := open(t, e, PipeOptions{Dests: dest(filepath.Join(dir, "slow.log"))})
		fast, fastChild := open(t, e, PipeOptions{Dests: dest(filepath.Join(dir, "fast.log"))})
		write(t, slowChild, "s\n")
		await(t, d.hung)
		write(t, sharing, "t\n")
		for range 3 {
			write(t, fastChild, strings.Repeat("f\n", 100_000)) // more than its pipe holds
			flush(t, fast)
		}
		if !o.portable {
			require.EqualValues(t, 1, e.Stats().Stalls)
		}
		third, thirdChild := open(t, e, PipeOptions{Dests: dest(filepath.Join(dir, "third.log"))})
		write(t, thirdChild, "3")
		finish(t, third, thirdChild)
		require.Empty(t, content(t, filepath.Join(dir, "slow.log")))
		close(d.hang)
		flush(t, slow)
		eventually(t, "both are written", func() bool { return len(content(t, filepath.Join(dir, "slow.log"))) == 4 })
	})
}

func TestFlushTruncates(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		e := newEngine(t, o)
		dir := t.TempDir()
		path, idle := filepath.Join(dir, "a.log"), filepath.Join(dir, "idle.log")
		require.NoError(t, os.WriteFile(idle, []byte("old\n"), 0o644))
		p, child := open(t, e, PipeOptions{ID: 5, Dests: dest(path)})
		write(t, child, "secret\n")
		flush(t, p)
		require.NoError(t, e.Truncate(path, idle, filepath.Join(dir, "none.log"), "/dev/null"))
		require.Empty(t, content(t, path))
		require.Empty(t, content(t, idle))
		require.Empty(t, e.Recent(5, app.Out, 9))
		require.Equal(t, []string{"a.log", "idle.log"}, names(t, dir))
		write(t, child, "next\n")
		flush(t, p)
		require.Equal(t, "next\n", content(t, path))
		require.ErrorContains(t, e.Truncate(dir), dir)
	})
}

// A link that somebody else has made must not make a supervisor write to a third party's file.
func TestOnlyHonestLinksAreFollowed(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to make links of other users")
	}
	dir := t.TempDir()
	victim, theirs, ours := filepath.Join(dir, "victim"), filepath.Join(dir, "theirs"), filepath.Join(dir, "ours")
	link := func(target, name string, uid int) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.Symlink(target, path))
		require.NoError(t, os.Lchown(path, uid, uid))
		return path
	}
	for path, uid := range map[string]int{victim: 0, theirs: 1234, ours: 0} {
		require.NoError(t, os.WriteFile(path, nil, 0o644))
		require.NoError(t, os.Chown(path, uid, uid))
	}
	e := newEngine(t, Options{})
	for _, bad := range []string{link(victim, "evil", 1234), link(link(victim, "good", 0), "chain", 1234), link(filepath.Join(dir, "new"), "create", 1234)} {
		_, err := e.Pipe(PipeOptions{Dests: dest(bad)})
		require.ErrorContains(t, err, bad)
		_ = e.Truncate(bad)
	}
	require.NoFileExists(t, filepath.Join(dir, "new"))
	require.NoError(t, os.WriteFile(victim, []byte("precious"), 0o644))
	require.Error(t, e.Truncate(filepath.Join(dir, "evil")))
	for _, good := range []string{link(theirs, "own", 1234), link(ours, "root", 0), link("made", "relative", 0)} {
		p, child := open(t, e, PipeOptions{Dests: dest(good)})
		write(t, child, "x")
		finish(t, p, child)
		require.Equal(t, "x", content(t, good))
	}
	require.Equal(t, "precious", content(t, victim))
}

func TestAFullFileSystemStopsNobody(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to mount a small tmpfs")
	}
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("cannot mount a tmpfs here: %s", out)
	}
	t.Cleanup(func() { require.NoError(t, exec.Command("umount", dir).Run()) })
	e, err := NewEngine(Options{})
	require.NoError(t, err)
	path := filepath.Join(dir, "a.log")
	p, child := open(t, e, PipeOptions{Dests: []Dest{{Path: path, Rotation: Rotation{MaxSize: -1}}}})
	write(t, child, numbered(0, 100_000)) // about 1 MB
	flush(t, p)
	require.Positive(t, e.Stats().Dropped)
	require.NoError(t, os.Truncate(path, 1000))
	before := e.Stats()
	eventually(t, "the gap is marked", func() bool {
		write(t, child, "again\n")
		flush(t, p)
		return strings.Contains(content(t, path), "\nagain\n")
	})
	finish(t, p, child)
	require.NoError(t, e.Close())
	var marked int64
	text := content(t, path)
	_, err = fmt.Sscanf(text[strings.Index(text, "[weaver] "):], "[weaver] %d bytes of output were lost: no space left on device\n", &marked)
	require.NoError(t, err)
	require.GreaterOrEqual(t, marked, before.Dropped)
	require.Equal(t, marked, e.Stats().Dropped)
}

func TestCloseDoesNotWaitForAHungDiskForEver(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		d := &disk{room: -1, hang: make(chan struct{}), hung: make(chan struct{}, 1)}
		o.openFile, o.patience = d.openFile, time.Millisecond
		e, err := NewEngine(o)
		require.NoError(t, err)
		p, child := open(t, e, PipeOptions{Name: "web", Dests: dest(filepath.Join(t.TempDir(), "a.log"))})
		write(t, child, "x\n")
		await(t, d.hung)
		require.ErrorContains(t, e.Close(), "drain the log pipes: web out")
		await(t, p.Done())
		close(d.hang) // what hung ends then, or goleak tells
	})
}
