package logs

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// idle awaits the end of what the janitor has to do.
func idle(e *Engine) { e.janitor.idle.Wait() }

func rotating(path string, r Rotation) []Dest { return []Dest{{Path: path, Rotation: r}} }

// everything returns the content of a log's rotated files and its own, in order.
func everything(t *testing.T, path, format string) string {
	t.Helper()
	files, err := rotatedOf(path, format)
	require.NoError(t, err)
	var b strings.Builder
	for _, f := range files {
		in, err := os.Open(f.path)
		require.NoError(t, err)
		var r io.Reader = in
		if f.zipped {
			r, err = gzip.NewReader(in)
			require.NoError(t, err)
		}
		data, err := io.ReadAll(r)
		require.NoError(t, err)
		require.NoError(t, in.Close())
		b.Write(data)
	}
	return b.String() + content(t, path)
}

func TestRotationBySizeLosesNothingAndEndsWithLines(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		e := newEngine(t, o)
		path := filepath.Join(t.TempDir(), "a-out.log")
		p, child := open(t, e, PipeOptions{Dests: rotating(path, Rotation{MaxSize: 10_000, Keep: -1})})
		text := numbered(0, 50_000)
		write(t, child, text)
		finish(t, p, child)
		idle(e)
		require.Equal(t, text, everything(t, path, ""))
		files, err := rotatedOf(path, "")
		require.NoError(t, err)
		require.Greater(t, len(files), 50)
		for _, f := range files {
			require.LessOrEqual(t, f.size, int64(10_000))
			require.True(t, strings.HasSuffix(content(t, f.path), "\n"))
		}
	})
}

func TestRotatedNamesArePM2s(t *testing.T) {
	clock := newClock()
	e := newEngine(t, Options{Now: clock.now})
	dir := t.TempDir()
	path := filepath.Join(dir, "web-out.log")
	p, child := open(t, e, PipeOptions{Dests: dest(path)})
	rotate := func() string {
		write(t, child, "x\n")
		flush(t, p)
		to, err := e.Rotate(path)
		require.NoError(t, err)
		return filepath.Base(to)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "web-out__2026-11-23_14-05-09-2.log.gz"), nil, 0o600))
	require.Equal(t, "web-out__2026-11-23_14-05-09.log", rotate())
	require.Equal(t, "web-out__2026-11-23_14-05-09-1.log", rotate())
	require.Equal(t, "web-out__2026-11-23_14-05-09-3.log", rotate(), "2 exists, compressed")
	clock.pass(time.Second)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "web-out__2026-11-23_14-05-10.log"), []byte("precious"), 0o600))
	require.Equal(t, "web-out__2026-11-23_14-05-10-1.log", rotate())
	require.Equal(t, "precious", content(t, filepath.Join(dir, "web-out__2026-11-23_14-05-10.log")))
	to, err := e.Rotate(path)
	require.NoError(t, err)
	require.Empty(t, to, "an empty file is not rotated")
}

func TestRotateOfAFileThatIsNotOpen(t *testing.T) {
	e := newEngine(t, Options{})
	dir := t.TempDir()
	path := filepath.Join(dir, "ee.txt")
	to, err := e.Rotate(path)
	require.NoError(t, err)
	require.Empty(t, to)
	require.NoFileExists(t, path)
	require.NoError(t, os.WriteFile(path, []byte("x"), 0o640))
	to, err = e.Rotate(path)
	require.NoError(t, err)
	require.Regexp(t, `/ee\.txt__[-_0-9]+\.log$`, to)
	require.Equal(t, "x", content(t, to))
	st, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o640), st.Mode(), "the new file has the old one's mode")
	require.Zero(t, e.Stats().Sinks)
}

func TestOnlyTheNewestAreKept(t *testing.T) {
	e := newEngine(t, Options{})
	dir := t.TempDir()
	strange := []string{
		"my-a-out__2020-01-01_00-00-00.log", // PM2 deletes what contains the name
		"a-out__notes.log", "a-out__2020-01-01.log", "a-out.log.1",
	}
	for _, name := range strange {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	path := filepath.Join(dir, "a-out.log")
	p, child := open(t, e, PipeOptions{Dests: rotating(path, Rotation{MaxSize: 1000, Keep: 3})})
	text := numbered(0, 2000)
	write(t, child, text)
	finish(t, p, child)
	idle(e)
	files, err := rotatedOf(path, "")
	require.NoError(t, err)
	require.Len(t, files, 3)
	require.True(t, strings.HasSuffix(text, everything(t, path, "")), "the newest, in order")
	for _, name := range strange {
		require.FileExists(t, filepath.Join(dir, name))
	}
}

func TestRotatedFilesAreCompressed(t *testing.T) {
	e := newEngine(t, Options{})
	path := filepath.Join(t.TempDir(), "a.log")
	p, child := open(t, e, PipeOptions{Dests: rotating(path, Rotation{MaxSize: 50_000, Keep: -1, Compress: true, DateFormat: "DD MMM YY/ss"})})
	text := numbered(0, 30_000)
	write(t, child, text)
	finish(t, p, child)
	idle(e)
	require.Equal(t, text, everything(t, path, "DD MMM YY/ss"))
	files, err := rotatedOf(path, "DD MMM YY/ss")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, f := range files {
		require.True(t, f.zipped, f.path)
	}
	require.Len(t, names(t, filepath.Dir(path)), len(files)+1, "no temporary files")
	lines, err := Tail(path, 25_000, TailOptions{DateFormat: "DD MMM YY/ss"})
	require.NoError(t, err)
	require.Equal(t, numbered(5000, 30_000), strings.Join(lines, "\n")+"\n")
}

func TestTheBudgetDeletesTheOldest(t *testing.T) {
	dir := t.TempDir()
	for i, name := range []string{"b__2020-01-01_00-00-00.log", "a__2020-01-02_00-00-00.log.gz", "keep.log", "a__notes.log"} {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, make([]byte, 4000), 0o600))
		at := time.Date(2020, 1, 1+i, 0, 0, 0, 0, time.UTC)
		require.NoError(t, os.Chtimes(path, at, at))
	}
	e := newEngine(t, Options{Dir: dir, TotalBudget: 6000})
	idle(e)
	require.Equal(t, []string{"a__2020-01-02_00-00-00.log.gz", "a__notes.log", "keep.log"}, names(t, dir), "at the start")
	path := filepath.Join(dir, "c.log")
	p, child := open(t, e, PipeOptions{Dests: rotating(path, Rotation{MaxSize: 1000, DateFormat: "YYYY"})})
	write(t, child, numbered(0, 2000))
	finish(t, p, child)
	idle(e)
	files, err := rotatedUnder(dir, []string{"YYYY"})
	require.NoError(t, err)
	var total int64
	for _, f := range files {
		require.Contains(t, f.path, "c__")
		total += f.size
	}
	require.LessOrEqual(t, total, int64(6000))
	require.Greater(t, total, int64(4900), "and not more than need be")
	require.FileExists(t, filepath.Join(dir, "a__notes.log"))
}

func TestRotationByAge(t *testing.T) {
	clock := newClock()
	e := newEngine(t, Options{Now: clock.now})
	path := filepath.Join(t.TempDir(), "a.log")
	p, child := open(t, e, PipeOptions{Dests: rotating(path, Rotation{MaxAge: time.Hour})})
	clock.pass(3 * time.Hour)
	write(t, child, "one\n")
	flush(t, p)
	e.tend()
	require.Equal(t, "one\n", content(t, path), "an empty file does not age")
	clock.pass(59 * time.Minute)
	e.tend()
	require.Equal(t, "one\n", content(t, path))
	clock.pass(time.Minute)
	e.tend()
	require.Empty(t, content(t, path))
	require.Equal(t, "one\n", everything(t, path, ""))
	write(t, child, "two")
	flush(t, p)
	clock.pass(time.Hour)
	e.tend()
	require.Equal(t, "two", content(t, path), "an unfinished line gets time")
	clock.pass(time.Hour)
	e.tend()
	require.Empty(t, content(t, path))
}

func TestAgeIsNoticedWithoutOutput(t *testing.T) {
	e := newEngine(t, Options{})
	path := filepath.Join(t.TempDir(), "a.log")
	require.NoError(t, os.WriteFile(path, []byte("old\n"), 0o600))
	open(t, e, PipeOptions{Dests: rotating(path, Rotation{MaxAge: 20 * time.Millisecond})})
	eventually(t, "it is rotated", func() bool {
		st, err := os.Stat(path) // for a moment there is none
		return err == nil && st.Size() == 0
	})
	require.Equal(t, "old\n", everything(t, path, ""))
}

func TestAGigabyteWithoutANewlineStillRotates(t *testing.T) {
	e := newEngine(t, Options{})
	path := filepath.Join(t.TempDir(), "a.log")
	p, child := open(t, e, PipeOptions{Dests: rotating(path, Rotation{MaxSize: 100_000, Keep: -1})})
	text := strings.Repeat("\x00\xff", 2_000_000)
	write(t, child, text)
	finish(t, p, child)
	idle(e)
	require.Equal(t, text, everything(t, path, ""))
	files, err := rotatedOf(path, "")
	require.NoError(t, err)
	for _, f := range files {
		require.LessOrEqual(t, f.size, int64(200_000))
	}
}

func TestRotationOfSharedFiles(t *testing.T) {
	e := newEngine(t, Options{})
	dir := t.TempDir()
	path, link, hard := filepath.Join(dir, "a.log"), filepath.Join(dir, "link.log"), filepath.Join(dir, "hard.log")
	require.NoError(t, os.WriteFile(path, nil, 0o644))
	require.NoError(t, os.Symlink("a.log", link))
	require.NoError(t, os.Link(path, hard))
	var pipes []*Pipe
	var children []*os.File
	for _, path := range []string{link, path, hard} {
		p, child := open(t, e, PipeOptions{Dests: dest(path)})
		write(t, child, "old\n")
		flush(t, p)
		pipes, children = append(pipes, p), append(children, child)
	}
	to, err := e.Rotate(link)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(filepath.Base(to), "a__"), to)
	e.closing.Wait() // the hard link is looked up anew
	for i, p := range pipes {
		write(t, children[i], "new\n")
		flush(t, p)
	}
	require.Equal(t, "new\nnew\n", content(t, path))
	target, err := os.Readlink(link)
	require.NoError(t, err)
	require.Equal(t, "a.log", target)
	require.Equal(t, "old\nold\nold\nnew\n", content(t, hard), "its name still leads to the old file")
	require.Equal(t, 2, e.Stats().Sinks)
}

func TestRotationThatFailsGoesOnWriting(t *testing.T) {
	clock, h, d := newClock(), &heard{}, &disk{room: -1}
	e := newEngine(t, Options{Now: clock.now, OnError: h.hear, openFile: d.openFile})
	dir := t.TempDir()
	path := filepath.Join(dir, "a.log")
	p, child := open(t, e, PipeOptions{Dests: rotating(path, Rotation{MaxSize: 10})})
	d.refuseNew(syscall.ENOSPC)
	text := numbered(0, 10)
	write(t, child, text)
	flush(t, p)
	require.Equal(t, text, content(t, path), "renamed back")
	require.Equal(t, []string{"a.log"}, names(t, dir))
	require.Len(t, h.list(), 1)
	require.Contains(t, h.list()[0], "rotate log "+path)
	d.refuseNew(nil)
	clock.pass(rotationPause)
	write(t, child, "next\n")
	flush(t, p)
	require.Equal(t, "next\n", content(t, path))
}

func TestAStrangersFileIsNotRotated(t *testing.T) {
	e := newEngine(t, Options{})
	dir := t.TempDir()
	path := filepath.Join(dir, "a.log")
	p, child := open(t, e, PipeOptions{Dests: rotating(path, Rotation{MaxSize: 10})})
	write(t, child, "mine: 1\n")
	flush(t, p)
	require.NoError(t, os.Rename(path, path+".1")) // logrotate, which forgot to tell
	require.NoError(t, os.WriteFile(path, []byte("theirs\n"), 0o600))
	write(t, child, "22\n")
	flush(t, p)
	require.Equal(t, "theirs\n22\n", content(t, path), "it goes on with what is there")
	require.Equal(t, []string{"a.log", "a.log.1"}, names(t, dir))
}

func TestOthersTruncationIsSeenBeforeRotating(t *testing.T) {
	e := newEngine(t, Options{})
	dir := t.TempDir()
	path := filepath.Join(dir, "a.log")
	p, child := open(t, e, PipeOptions{Dests: rotating(path, Rotation{MaxSize: 100})})
	write(t, child, strings.Repeat("x", 98)+"\n")
	flush(t, p)
	require.NoError(t, os.WriteFile(path, []byte("other\n"), 0o600)) // it truncates
	write(t, child, "short\n")
	flush(t, p)
	require.Equal(t, []string{"a.log"}, names(t, dir))
	require.Equal(t, "other\nshort\n", content(t, path))
}

func TestShape(t *testing.T) {
	require.Equal(t, "9-9-9_9-9-9", shape("2026-11-23_14-05-09"))
	require.Equal(t, "a 9", shape("Nov 7"))
	number, ok := dateOf("2026-11-23_14-05-09-12", []string{"9-9-9_9-9-9"})
	require.True(t, ok)
	require.Equal(t, 12, number)
	for _, bad := range []string{"", "2026-11-23", "2026-11-23_14-05-09-", "2026-11-23_14-05-09-x", "2026-11-23_14-05-09-0"} {
		_, ok := dateOf(bad, []string{"9-9-9_9-9-9"})
		require.False(t, ok, bad)
	}
	require.True(t, slices.Contains([]string{"9"}, shape("2026")))
}

// Processes start and stop while their file rotates: there is never a second sink for it, and no line is lost.
func TestRotationWhileProcessesComeAndGo(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		e := newEngine(t, o)
		path := filepath.Join(t.TempDir(), "a.log")
		d := rotating(path, Rotation{Keep: -1})
		_, stays := open(t, e, PipeOptions{Dests: d})
		stop := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					if _, err := e.Rotate(path); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
		const n = 300
		for i := range n {
			p, child := open(t, e, PipeOptions{Dests: d})
			write(t, child, numbered(i, i+1))
			require.LessOrEqual(t, e.Stats().Sinks, 1)
			finish(t, p, child)
			write(t, stays, "stays\n")
		}
		close(stop)
		wg.Wait()
		require.NoError(t, e.Close())
		text := everything(t, path, "")
		require.Equal(t, n, strings.Count(text, "stays\n"))
		require.Equal(t, numbered(0, n), strings.ReplaceAll(text, "stays\n", ""))
	})
}
