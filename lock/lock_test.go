package lock

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

// me is the holder of these tests.
var me = Holder{PID: os.Getpid(), Command: "weaver test", Since: time.UnixMilli(1_795_000_000_123)}

// actors are what a re-executed test binary can do.
var actors = map[string]func(args []string){}

func TestMain(m *testing.M) {
	if role := os.Getenv("WEAVER_LOCK_TEST"); role != "" {
		actors[role](os.Args[1:])
		return
	}
	goleak.VerifyTestMain(m)
}

func TestUncontended(t *testing.T) {
	path := filepath.Join(t.TempDir(), "web.lock")
	for range 3 {
		l, err := Acquire(t.Context(), path, me)
		require.NoError(t, err)
		require.Equal(t, path, l.Path())
		require.GreaterOrEqual(t, l.FD(), 0)
		require.Equal(t, me, withUTC(readHolder(path)))
		require.NoError(t, l.Release())
		require.Equal(t, -1, l.FD())
		require.ErrorIs(t, l.Release(), os.ErrClosed)
		require.FileExists(t, path, "a lock file is not removed")
	}
}

func withUTC(h Holder) Holder {
	h.Since = h.Since.Local()
	return h
}

func TestHeldErrorNamesTheHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "web.lock")
	l, err := Try(path, Holder{PID: 4711, Command: "weaver restart web", Since: me.Since})
	require.NoError(t, err)
	defer l.Release()

	_, err = Try(path, me)
	require.ErrorIs(t, err, ErrHeld)
	var held *HeldError
	require.ErrorAs(t, err, &held)
	require.Equal(t, path, held.Path)
	require.Equal(t, 4711, held.Holder.PID)
	require.EqualError(t, err, "lock "+path+": held by pid 4711 (weaver restart web) since "+
		me.Since.Local().Format("2006-01-02 15:04:05"))

	require.NoError(t, os.Truncate(path, 0))
	_, err = Try(path, me)
	require.EqualError(t, err, "lock "+path+": held by another process")
}

func TestAcquireGivesUpWithItsContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "web.lock")
	l, err := Acquire(t.Context(), path, me)
	require.NoError(t, err)

	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	_, err = Acquire(ctx, path, Holder{PID: 1})
	require.ErrorIs(t, err, ErrHeld)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	_, err = Acquire(ctx, path, Holder{PID: 1}) // ended before it began
	require.ErrorIs(t, err, ErrHeld)

	// The one who gave up takes nothing with it: the lock is free again, and
	// its file still names who held it last.
	require.NoError(t, l.Release())
	l, err = Acquire(t.Context(), path, me)
	require.NoError(t, err)
	require.NoError(t, l.Release())
	require.Equal(t, me.PID, readHolder(path).PID)
}

func TestAcquireWaits(t *testing.T) {
	cancelable, cancel := context.WithCancel(t.Context())
	defer cancel()
	for name, ctx := range map[string]context.Context{"deadline": cancelable, "for ever": context.Background()} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "web.lock")
			l, err := Acquire(ctx, path, me)
			require.NoError(t, err)
			got := make(chan error)
			go func() { // Ends once it had the lock.
				l, err := Acquire(ctx, path, Holder{PID: 2})
				if err == nil {
					err = l.Release()
				}
				got <- err
			}()
			require.NoError(t, l.Release())
			require.NoError(t, <-got)
			require.Equal(t, 2, readHolder(path).PID)
		})
	}
}

func TestTryIsNotFooledByThoseWhoLook(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "web.lock")
	stop := make(chan struct{})
	stopped := make(chan error)
	go func() { // Ends when stop is closed.
		for {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
				if _, err := List(dir); err != nil {
					stopped <- err
					return
				}
			}
		}
	}()
	for range 500 {
		l, err := Try(path, me)
		require.NoError(t, err)
		require.NoError(t, l.Release())
	}
	close(stop)
	require.NoError(t, <-stopped)
}

func TestListAndClearStale(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"free.lock", "held.lock", "Ünïcode name.lock"} {
		l, err := Try(filepath.Join(dir, name), me)
		require.NoError(t, err)
		if name == "held.lock" {
			defer l.Release()
		} else {
			require.NoError(t, l.Release())
		}
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "notes.txt"), nil, 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "dir.lock"), 0o700))

	infos, err := List(dir)
	require.NoError(t, err)
	var told []string
	for _, i := range infos {
		require.Equal(t, me.Command, i.Holder.Command)
		told = append(told, i.Name+" "+strconv.FormatBool(i.Held)+" "+strconv.FormatBool(i.Stale))
	}
	require.Equal(t, []string{"free false true", "held true false", "Ünïcode name false true"}, told)

	removed, err := ClearStale(dir)
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(dir, "free.lock"), filepath.Join(dir, "Ünïcode name.lock")}, removed)
	require.NoFileExists(t, filepath.Join(dir, "free.lock"))
	require.FileExists(t, filepath.Join(dir, "held.lock"))
	require.FileExists(t, filepath.Join(dir, "notes.txt"))
	require.DirExists(t, filepath.Join(dir, "dir.lock"))

	removed, err = ClearStale(dir)
	require.NoError(t, err)
	require.Empty(t, removed)

	infos, err = List(filepath.Join(dir, "nowhere"))
	require.NoError(t, err)
	require.Empty(t, infos)
}

func TestWhatCannotBeLocked(t *testing.T) {
	dir := t.TempDir()
	_, err := Acquire(t.Context(), filepath.Join(dir, "no", "web.lock"), me)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "open lock "+filepath.Join(dir, "no", "web.lock"))

	_, err = Try(dir, me)
	require.Error(t, err)
	require.False(t, errors.Is(err, ErrHeld))
}

func TestRecordComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := Holder{
			PID:     rapid.IntRange(1, 1<<22).Draw(t, "pid"),
			Command: strings.TrimSpace(rapid.StringMatching(`[ -~äß語]{0,60}`).Draw(t, "command")),
			Since:   time.UnixMilli(rapid.Int64Range(0, 1<<42).Draw(t, "ms")).UTC(),
		}
		buf := appendRecord(nil, h)
		require.Len(t, buf, recordSize)
		require.Equal(t, h, parseRecord(buf))
	})
}

func TestRecordStaysOneRecord(t *testing.T) {
	evil := Holder{PID: 1, Command: "weaver start 'a\nb\x1b[2J\u009b'\npid 2" + strings.Repeat("ä", 500)}
	buf := appendRecord(nil, evil)
	require.Len(t, buf, recordSize)
	got := parseRecord(buf)
	require.Equal(t, 1, got.PID)
	require.True(t, strings.HasPrefix(got.Command, "weaver start 'a b [2J ' pid 2ää"), got.Command)
	require.NotContains(t, got.Command, "\x1b")
	require.NotContains(t, got.Command, "\ufffd", "cut within a character")
}

func FuzzParseRecord(f *testing.F) {
	f.Add(appendRecord(nil, me))
	f.Add([]byte("pid -1\nsince x\ncommand \x1b]0;x\x07\npid"))
	f.Fuzz(func(t *testing.T, data []byte) {
		h := parseRecord(data)
		require.GreaterOrEqual(t, h.PID, 0)
		require.LessOrEqual(t, len(h.Command), recordSize)
		for _, r := range h.Command {
			require.False(t, r < ' ' || r >= 0x7f && r < 0xa0, "control character %q", r)
		}
		_ = (&HeldError{Path: "p", Holder: h}).Error()
	})
}

// The thin command must start like an empty program, so what is linked into it
// is watched. Each of these costs it: fmt and time zones pull in reflection and
// tables, net and encoding/json double the start (measured).
func TestNothingHeavyIsLinked(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	require.NoError(t, err)
	deps := strings.Fields(string(out))
	require.Contains(t, deps, "weaver/lock")
	for _, heavy := range []string{"fmt", "reflect", "net", "os/exec", "os/signal", "encoding/json", "regexp", "log"} {
		require.False(t, slices.Contains(deps, heavy), heavy)
	}
}
