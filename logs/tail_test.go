package logs

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func tail(t *testing.T, path string, n int, o TailOptions) []string {
	t.Helper()
	lines, err := Tail(path, n, o)
	require.NoError(t, err)
	return lines
}

func TestTailIsExact(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	require.Empty(t, tail(t, path, 5, TailOptions{}), "no file is no lines")
	text := numbered(0, 50_000)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	all := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for _, n := range []int{1, 2, 15, 10_000, 49_999, 50_000, 60_000} {
		require.Equal(t, all[max(0, len(all)-n):], tail(t, path, n, TailOptions{}))
	}
	require.Empty(t, tail(t, path, 0, TailOptions{}))
	require.Empty(t, tail(t, path, -1, TailOptions{}))
	require.NoError(t, os.WriteFile(path, []byte("\n\na\n\nunfinished"), 0o600))
	require.Equal(t, []string{"", "", "a", "", "unfinished"}, tail(t, path, 9, TailOptions{}))
	require.Equal(t, []string{"a", "", "unfinished"}, tail(t, path, 3, TailOptions{}))
	_, err := Tail(filepath.Join(path, "x"), 1, TailOptions{})
	require.ErrorContains(t, err, path)
}

func TestTailOfLongLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	long := strings.Repeat("l", 5_000_000)
	require.NoError(t, os.WriteFile(path, []byte("short\n"+long+"\nend\n"+long), 0o600))
	cut := strings.Repeat("l", 10) + " [… 5000000 bytes]"
	require.Equal(t, []string{"short", cut, "end", cut}, tail(t, path, 9, TailOptions{MaxLine: 10}))
	require.Equal(t, []string{long, "end", long}, tail(t, path, 3, TailOptions{MaxLine: -1}))
	require.NoError(t, os.WriteFile(path, []byte("0123456789\n0123456789a\n"), 0o600))
	require.Equal(t, []string{"0123456789", "0123456789 [… 11 bytes]"}, tail(t, path, 3, TailOptions{MaxLine: 10}), "the newline does not count")
}

func TestTailGoesOnInRotatedFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a-out.log")
	put := func(name, text string, day int, zip bool) {
		data := []byte(text)
		if zip {
			var b bytes.Buffer
			z := gzip.NewWriter(&b)
			_, _ = z.Write(data)
			require.NoError(t, z.Close())
			data = b.Bytes()
		}
		p := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(p, data, 0o600))
		at := time.Date(2026, 11, day, 0, 0, 0, 0, time.UTC)
		require.NoError(t, os.Chtimes(p, at, at))
	}
	put("a-out__2026-11-01_00-00-00.log.gz", "1\n2\n", 1, true)
	put("a-out__2026-11-02_00-00-00.log", "3\n4", 2, false)
	put("a-out__2026-11-02_00-00-00.log.gz", "half a file", 2, false) // just being compressed
	put("a-out__2026-11-02_00-00-00-2.log", "5\n", 2, false)
	put("a-out__2026-11-02_00-00-00-10.log", "6\n", 2, false)
	require.Equal(t, []string{"3", "4", "5", "6"}, tail(t, path, 4, TailOptions{}), "also when there is no current file")
	put("a-out.log", "7\n", 3, false)
	require.Equal(t, []string{"1", "2", "3", "4", "5", "6", "7"}, tail(t, path, 99, TailOptions{}))
	require.Equal(t, []string{"2", "3", "4", "5", "6", "7"}, tail(t, path, 6, TailOptions{}))
	require.Equal(t, []string{"7"}, tail(t, path, 6, TailOptions{NoRotated: true}))
	link := filepath.Join(t.TempDir(), "link.log")
	require.NoError(t, os.Symlink(path, link))
	require.Equal(t, []string{"6", "7"}, tail(t, link, 2, TailOptions{}))
}

func TestTailOfAStream(t *testing.T) {
	for _, text := range []string{"", "\n", "a", "a\nb\n", "\n\nx", numbered(0, 1000), strings.Repeat("y", 200_000) + "\nz"} {
		for _, n := range []int{1, 2, 3, 5000} {
			path := filepath.Join(t.TempDir(), "a")
			require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
			got, err := tailStream(strings.NewReader(text), n, 100)
			require.NoError(t, err)
			want := tail(t, path, n, TailOptions{MaxLine: 100})
			require.True(t, slices.Equal(want, got), "%.20q %d: %q, not %q", text, n, got, want)
		}
	}
}

func FuzzTail(f *testing.F) {
	f.Add([]byte("a\nb\n\nc"), 2, 5)
	f.Add(bytes.Repeat([]byte("0123456789\n"), 7000), 6990, 3)
	f.Fuzz(func(t *testing.T, data []byte, n, maxLine int) {
		n, maxLine = abs(n)%10_000+1, abs(maxLine)%1000+1
		path := filepath.Join(t.TempDir(), "a.log")
		require.NoError(t, os.WriteFile(path, data, 0o600))
		var want []string
		for line := range bytes.Lines(data) {
			text := bytes.TrimSuffix(line, []byte{'\n'})
			if len(text) > maxLine {
				want = append(want, cutLine(text[:maxLine], int64(len(text))))
			} else {
				want = append(want, string(text))
			}
		}
		want = want[max(0, len(want)-n):]
		got, err := tailOf(path, n, int64(maxLine))
		require.NoError(t, err)
		require.True(t, slices.Equal(want, got), "%q, not %q", got, want)
		got, err = tailStream(bytes.NewReader(data), n, int64(maxLine))
		require.NoError(t, err)
		require.True(t, slices.Equal(want, got), "stream: %q, not %q", got, want)
	})
}

func tailOf(path string, n int, maxLine int64) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return tailFile(f, n, maxLine)
}

func TestFollowFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.log")
	put := func(name, text string) {
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		require.NoError(t, err)
		write(t, f, text)
		require.NoError(t, f.Close())
	}
	put("a.log", "before\n")
	got := make(chan string, 100)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- FollowFile(ctx, path, FollowFileOptions{Every: time.Millisecond, FromStart: true}, func(line string) error {
			got <- line
			return nil
		})
	}()
	expect := func(want ...string) {
		t.Helper()
		for _, w := range want {
			require.Equal(t, w, await(t, got))
		}
	}
	expect("before")
	put("a.log", "un")
	put("a.log", "finished\nnext\n")
	expect("unfinished", "next")

	require.NoError(t, os.Rename(path, filepath.Join(dir, "a__2026-11-01_00-00-00.log")))
	put("a__2026-11-01_00-00-00.log", "last of the old\n")
	put("a__2026-11-02_00-00-00.log", "all of one between\n")
	put("a.log", "first of the new\n")
	expect("last of the old", "all of one between", "first of the new")

	require.NoError(t, os.Rename(path, path+".1"))
	put("a.log", "after a stranger's rename\n")
	expect("after a stranger's rename")
	require.NoError(t, os.Truncate(path, 0))
	put("a.log", "t\n")
	expect("t")
	cancel()
	require.ErrorIs(t, await(t, ended), context.Canceled)
}

func TestFollowFileWaitsForItsFileAndStopsOnRequest(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	ended, enough := make(chan error, 1), errors.New("enough")
	go func() {
		ended <- FollowFile(t.Context(), path, FollowFileOptions{Every: time.Millisecond}, func(line string) error {
			if line != "x" {
				return errors.New(line)
			}
			return enough
		})
	}()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	defer f.Close()
	eventually(t, "emit has been called", func() bool {
		write(t, f, "x\n")
		return len(ended) > 0
	})
	require.ErrorIs(t, <-ended, enough)
}

func TestFollowFileEndsWithWhatIsLeft(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	require.NoError(t, os.WriteFile(path, []byte("old\n"), 0o600))
	ended, ready, end := make(chan error, 1), make(chan struct{}), make(chan struct{})
	var got []string
	go func() {
		o := FollowFileOptions{Every: time.Hour, Ready: func() { close(ready) }, End: end}
		ended <- FollowFile(t.Context(), path, o, func(line string) error {
			got = append(got, line)
			return nil
		})
	}()
	<-ready
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	defer f.Close()
	write(t, f, "new\nlast words")
	close(end)
	require.NoError(t, await(t, ended))
	assert.Equal(t, []string{"new", "last words"}, got)
}
