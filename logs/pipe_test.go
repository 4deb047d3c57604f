package logs

import (
	"context"
	"crypto/sha256"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weaver/app"
)

func TestBytesGoThroughUntouched(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		e := newEngine(t, o)
		path := filepath.Join(t.TempDir(), "deep", "er", "a-out.log")
		p, child := open(t, e, PipeOptions{Dests: dest(path)})
		const text = "one\n\x00\xff\xfe\r\n\n> "
		write(t, child, text)
		flush(t, p)
		require.Equal(t, text, content(t, path), "a prompt without a newline is there after Flush")
		write(t, child, "tail")
		finish(t, p, child)
		require.Equal(t, text+"tail", content(t, path))
		require.Equal(t, Stats{Bytes: int64(len(text)) + 4, Lines: 3}, e.Stats(), "and nothing is left open")
	})
}

func TestPromptReachesTheFileWithoutHelp(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		e := newEngine(t, o)
		path := filepath.Join(t.TempDir(), "a.log")
		_, child := open(t, e, PipeOptions{Dests: dest(path)})
		_, other := open(t, e, PipeOptions{Dests: dest(path), DateFormat: "[d]"})
		write(t, child, "password: ")
		eventually(t, "the prompt is in the file", func() bool { return content(t, path) == "password: " })
		write(t, other, "x")
		eventually(t, "so is another's, later", func() bool { return content(t, path) == "password: d: x" })
	})
}

func TestFormatsGoThroughThePipe(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		clock := newClock()
		o.Now = clock.now
		e := newEngine(t, o)
		dir := t.TempDir()
		dated, datedChild := open(t, e, PipeOptions{Dests: dest(filepath.Join(dir, "d.log")), DateFormat: "HH:mm:ss"})
		asJSON, jsonChild := open(t, e, PipeOptions{ID: 3, Name: "web", Dests: dest(filepath.Join(dir, "j.log")), Format: app.JSON})
		write(t, datedChild, "a\nb")
		flush(t, dated)
		write(t, datedChild, "c\nlast")
		finish(t, dated, datedChild)
		require.Equal(t, "14:05:09: a\n14:05:09: bc\n14:05:09: last", content(t, filepath.Join(dir, "d.log")))

		write(t, jsonChild, "one\ntwo\nthr")
		write(t, jsonChild, "ee")
		finish(t, asJSON, jsonChild)
		const tail = `,"timestamp":"2026-11-23T14:05:09.007Z","type":"out","process_id":3,"app_name":"web"}` + "\n"
		require.Equal(t, `{"message":"one\n"`+tail+`{"message":"two\n"`+tail+`{"message":"three"`+tail, content(t, filepath.Join(dir, "j.log")))
	})
}

func TestTinyLinesDoNotBlowUpMemoryWhenFormatted(t *testing.T) {
	e := newEngine(t, Options{})
	path := filepath.Join(t.TempDir(), "a.log")
	p, child := open(t, e, PipeOptions{
		Dests:      []Dest{{Path: path, Rotation: Rotation{MaxSize: -1}}},
		DateFormat: "YYYY-MM-DDTHH:mm:ss.SSSZ", Format: app.JSON,
	})
	const n = 300_000
	write(t, child, strings.Repeat("\n", n))
	finish(t, p, child)
	require.Equal(t, n, strings.Count(content(t, path), `{"message":"\n",`))
}

func TestOutputToNowhere(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		e := newEngine(t, o)
		dir := t.TempDir()
		combined := filepath.Join(dir, "all.log")
		lines := e.Follow(t.Context(), FollowOptions{})
		p, child := open(t, e, PipeOptions{Dests: []Dest{{Path: "/dev/null"}, {Path: "NULL"}, {Path: combined}}})
		write(t, child, "hello\n")
		finish(t, p, child)
		require.Equal(t, "hello\n", content(t, combined), "the combined file still gets it")
		require.Equal(t, "hello", await(t, lines).Text, "and so do followers")
		require.Equal(t, []string{"all.log"}, names(t, dir))
	})
}

func TestDisabledStoresNothing(t *testing.T) {
	e := newEngine(t, Options{})
	path := filepath.Join(t.TempDir(), "a.log")
	lines := e.Follow(t.Context(), FollowOptions{})
	p, child := open(t, e, PipeOptions{Dests: dest(path), Disabled: true})
	await(t, p.Done())
	write(t, child, strings.Repeat("x\n", 1<<20))
	flush(t, p)
	require.Empty(t, content(t, path), "the file is made, empty")
	require.Zero(t, e.Stats().Pipes+e.Stats().Sinks)
	require.NoError(t, e.Close())
	_, ok := <-lines
	require.False(t, ok)
	p.Discard()
}

func TestErrorsNameThePath(t *testing.T) {
	e := newEngine(t, Options{})
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, path := range []string{dir, filepath.Join(file, "sub.log"), "relative.log"} {
		_, err := e.Pipe(PipeOptions{Dests: []Dest{{Path: filepath.Join(dir, "ok.log")}, {Path: path}}})
		require.ErrorContains(t, err, path)
	}
	require.Zero(t, e.Stats().Sinks, "what was opened before is closed")
	require.NoError(t, e.Close())
	_, err := e.Pipe(PipeOptions{Name: "late", Dests: dest(filepath.Join(dir, "ok.log"))})
	require.ErrorIs(t, err, ErrClosed)
	require.Zero(t, e.Stats().Sinks)
}

func TestFlushTellsWhenItGivesUp(t *testing.T) {
	d := &disk{room: -1, hang: make(chan struct{}), hung: make(chan struct{}, 1)}
	e := newEngine(t, Options{openFile: d.openFile})
	p, child := open(t, e, PipeOptions{Name: "web", Dests: dest(filepath.Join(t.TempDir(), "a.log"))})
	write(t, child, "x")
	await(t, d.hung)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	require.ErrorIs(t, p.Flush(ctx), context.DeadlineExceeded)
	close(d.hang)
	flush(t, p)
}

// A grandchild that keeps the pipe must not keep Flush from returning, however much it prints: here there is more in the
// pipe each time that something has been taken out.
func TestFlushReturnsWhileTheFloodGoesOn(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		d := &disk{room: -1}
		o.openFile = d.openFile
		e := newEngine(t, o)
		p, child := open(t, e, PipeOptions{Dests: dest(filepath.Join(t.TempDir(), "a.log"))})
		block := []byte(strings.Repeat("flood\n", 1000))
		d.beforeWrites(func() { _, _ = child.Write(block) })
		write(t, child, "begin\n")
		for range 3 {
			flush(t, p)
		}
		d.beforeWrites(nil)
		finish(t, p, child)
	})
}

// Whoever is flushed finds everything that it has written before in the file, every time.
func TestFlushIsExact(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		e := newEngine(t, o)
		path := filepath.Join(t.TempDir(), "a.log")
		p, child := open(t, e, PipeOptions{Dests: dest(path)})
		want := 0
		for i := range 200 {
			block := strings.Repeat("y", 1+i*37%5000)
			write(t, child, block)
			want += len(block)
			flush(t, p)
			st, err := os.Stat(path)
			require.NoError(t, err)
			require.EqualValues(t, want, st.Size(), "round %d", i)
		}
	})
}

func TestDiscardLetsStraysPrintToNowhere(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		e := newEngine(t, o)
		path := filepath.Join(t.TempDir(), "a.log")
		p, child := open(t, e, PipeOptions{Dests: dest(path)})
		write(t, child, "before\n")
		flush(t, p)
		p.Discard()
		lines := e.Follow(t.Context(), FollowOptions{})
		await(t, p.Done())
		require.Zero(t, e.Stats().Pipes+e.Stats().Sinks)
		write(t, child, strings.Repeat("after\n", 200_000)) // more than any pipe holds: it would hang
		require.NoError(t, p.Flush(t.Context()))
		require.Equal(t, "before\n", content(t, path))
		p.Discard()
		require.NoError(t, e.Close())
		_, any := <-lines
		require.False(t, any, "nor do followers hear of it")
	})
}

func TestCloseDrainsThePipes(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		e := newEngine(t, o)
		dir := t.TempDir()
		var want []string
		for i := range 20 {
			path := filepath.Join(dir, string(rune('a'+i)))
			_, child := open(t, e, PipeOptions{Dests: dest(path)})
			text := strings.Repeat(path, 100)
			write(t, child, text)
			want = append(want, text)
		}
		require.NoError(t, e.Close())
		for i, text := range want {
			require.Equal(t, text, content(t, filepath.Join(dir, string(rune('a'+i)))))
		}
		require.Zero(t, e.Stats().Pipes+e.Stats().Sinks)
		require.NoError(t, e.Close())
	})
}

// The cases where PM2 loses the tail: much output, then an exit at once.
func TestFastExitsLoseNothing(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		e := newEngine(t, o)
		dir := t.TempDir()
		const children, count, size = 50, 64, 65536
		var wg sync.WaitGroup
		for id := range children {
			p, err := e.Pipe(PipeOptions{ID: app.ID(id), Stream: app.Out, Dests: dest(filepath.Join(dir, printerName(id)))})
			require.NoError(t, err)
			cmd := printer(t, "print", id, count, size)
			cmd.Stdout = dup(t, p)
			wg.Go(func() {
				if err := cmd.Run(); err != nil {
					t.Error(err)
				}
				_ = cmd.Stdout.(*os.File).Close()
				if err := p.Flush(t.Context()); err != nil {
					t.Error(err)
				}
				if st, err := os.Stat(filepath.Join(dir, printerName(id))); err != nil || st.Size() != count*size {
					t.Errorf("after the exit and Flush: %v %v", st, err)
				}
				await(t, p.Done())
			})
		}
		wg.Wait()
		for id := range children {
			require.Equal(t, sha256.Sum256(printed(id, count, size)), sha256.Sum256([]byte(content(t, filepath.Join(dir, printerName(id))))))
		}
	})
}

func TestManySmallLinesLoseNothing(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		e := newEngine(t, o)
		dir := t.TempDir()
		const children, count, size = 10, 40_000, 100
		var wg sync.WaitGroup
		for id := range children {
			p, err := e.Pipe(PipeOptions{ID: app.ID(id), Stream: app.Out, Dests: dest(filepath.Join(dir, printerName(id)))})
			require.NoError(t, err)
			cmd := printer(t, "print", id, count, size)
			cmd.Stdout = dup(t, p)
			wg.Go(func() {
				if err := cmd.Run(); err != nil {
					t.Error(err)
				}
				_ = cmd.Stdout.(*os.File).Close()
				await(t, p.Done())
			})
		}
		wg.Wait()
		for id := range children {
			require.Equal(t, sha256.Sum256(printed(id, count, size)), sha256.Sum256([]byte(content(t, filepath.Join(dir, printerName(id))))))
		}
	})
}
