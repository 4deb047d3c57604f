package logs

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weaver/app"
)

func TestFollowersSeeLinesAsTheyAreWritten(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		clock := newClock()
		o.Now = clock.now
		e := newEngine(t, o)
		dir := t.TempDir()
		before, beforeChild := open(t, e, PipeOptions{ID: 1, Name: "web", Namespace: "ns", Dests: dest(filepath.Join(dir, "a"))})
		write(t, beforeChild, "not seen\n")
		flush(t, before)
		all := e.Follow(t.Context(), FollowOptions{})
		errs := e.Follow(t.Context(), FollowOptions{Match: func(id app.ID, name, ns string, s app.Stream) bool {
			return s == app.Err && id == 2 && name == "api" && ns == "other"
		}})
		_, later := open(t, e, PipeOptions{
			ID: 2, Name: "api", Namespace: "other", Stream: app.Err, DateFormat: "HH:mm", Dests: dest(filepath.Join(dir, "b")),
		})
		write(t, beforeChild, "one\n")
		one := await(t, all)
		require.Equal(t, app.Line{At: clock.now(), ID: 1, Name: "web", Namespace: "ns", Stream: app.Out, Text: "one", Place: PlaceOf(filepath.Join(dir, "a"))}, one)
		write(t, later, "tw")
		write(t, later, "o\n")
		got := await(t, all)
		want := app.Line{At: clock.now(), ID: 2, Name: "api", Namespace: "other", Stream: app.Err, Text: "14:05: two", Raw: "two", Place: PlaceOf(filepath.Join(dir, "b"))}
		require.Equal(t, want, got)
		require.Equal(t, want, await(t, errs))
		write(t, beforeChild, "prompt> ")
		require.Equal(t, "prompt> ", await(t, all).Text, "an unfinished line comes, too, after a while")
	})
}

func TestFollowersGetWholeJSONObjects(t *testing.T) {
	e := newEngine(t, Options{Now: newClock().now})
	p, child := open(t, e, PipeOptions{Name: "a", Dests: dest(filepath.Join(t.TempDir(), "a")), Format: app.JSON})
	lines := e.Follow(t.Context(), FollowOptions{})
	write(t, child, "x\ny")
	finish(t, p, child)
	const tail = `,"timestamp":"2026-11-23T14:05:09.007Z","type":"out","process_id":0,"app_name":"a"}`
	require.Equal(t, `{"message":"x\n"`+tail, await(t, lines).Text)
	last := await(t, lines)
	require.Equal(t, `{"message":"y"`+tail, last.Text)
	require.Equal(t, "y", last.Raw)
}

func TestFollowEndsWithItsContextAndWithTheEngine(t *testing.T) {
	e := newEngine(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	one := e.Follow(ctx, FollowOptions{})
	two := e.Follow(t.Context(), FollowOptions{})
	p, child := open(t, e, PipeOptions{Dests: dest(filepath.Join(t.TempDir(), "a"))})
	cancel()
	for range one { //nolint:revive // until it is closed
	}
	write(t, child, "last\n")
	finish(t, p, child)
	require.NoError(t, e.Close())
	require.Equal(t, "last", await(t, two).Text, "what waits is delivered")
	_, ok := <-two
	require.False(t, ok)
	_, ok = <-e.Follow(t.Context(), FollowOptions{})
	require.False(t, ok)
}

// A reader that does not read must not stop the process, and learns what it missed.
func TestSlowFollowersMissLinesAndKnowIt(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		e := newEngine(t, o)
		path := filepath.Join(t.TempDir(), "a")
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		lines := e.Follow(ctx, FollowOptions{Buffer: 10})
		p, child := open(t, e, PipeOptions{Dests: dest(path)})
		const n = 100_000
		text := numbered(0, n)
		write(t, child, text)
		finish(t, p, child)
		require.Equal(t, text, content(t, path))
		seen, missed := 0, 0
		for seen+missed < n {
			l := await(t, lines)
			seen++
			missed += l.Missed
			require.Equal(t, "line "+itoa(seen+missed-1), l.Text, "the gap is where Missed says")
		}
		require.LessOrEqual(t, seen, 12)
	})
}

func TestWhatWaitsForAFollowerIsBoundedInBytes(t *testing.T) {
	f := &follower{buffer: 1 << 20, wake: make(chan struct{}, 1)}
	o := &origin{}
	long := []byte(strings.Repeat("x", 100_000) + "\n")
	for range 1000 {
		f.publish(o, long, long, true, someTime, app.Place{})
	}
	require.LessOrEqual(t, f.bytes, followBytes)
	total := 0
	for {
		l, ok, _ := f.take()
		if !ok {
			break
		}
		total += 1 + l.Missed
	}
	require.Equal(t, 1000, total)
	require.Zero(t, f.bytes)
}

func TestRecent(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		clock := newClock()
		o.Now = clock.now
		e := newEngine(t, o)
		dir := t.TempDir()
		p, child := open(t, e, PipeOptions{ID: 7, Name: "web", Namespace: "ns", Stream: app.Err, Dests: dest(filepath.Join(dir, "a"))})
		write(t, child, "one\n")
		flush(t, p)
		first := clock.now()
		clock.pass(checkEvery)
		write(t, child, "two\nthree")
		finish(t, p, child)
		want := []app.Line{
			{At: first.Truncate(1e6).Local(), ID: 7, Name: "web", Namespace: "ns", Stream: app.Err, Text: "one"},
			{At: clock.now().Truncate(1e6).Local(), ID: 7, Name: "web", Namespace: "ns", Stream: app.Err, Text: "two"},
			{At: clock.now().Truncate(1e6).Local(), ID: 7, Name: "web", Namespace: "ns", Stream: app.Err, Text: "three"},
		}
		require.Equal(t, want, e.Recent(7, app.Err, 10), "also after its end")
		require.Equal(t, want[1:], e.Recent(7, app.Err, 2))
		require.Empty(t, e.Recent(7, app.Err, 0))
		require.Empty(t, e.Recent(7, app.Out, 10))
		require.Empty(t, e.Recent(8, app.Err, 10))

		p, child = open(t, e, PipeOptions{ID: 7, Name: "web", Namespace: "ns", Stream: app.Err, Dests: dest(filepath.Join(dir, "a"))})
		write(t, child, "\n"+numbered(0, 10_000))
		finish(t, p, child)
		lines := e.Recent(7, app.Err, 1_000_000)
		require.LessOrEqual(t, len(lines), ringMax/10)
		for i, l := range lines {
			require.Equal(t, "line "+itoa(10_000-len(lines)+i), l.Text, "whole lines")
		}
		e.Forget(7)
		require.Empty(t, e.Recent(7, app.Err, 10))
	})
}

func FuzzRing(f *testing.F) {
	f.Add("a\nb\n", 3, 100)
	f.Add(strings.Repeat("x", 3000), 1, 2)
	f.Fuzz(func(t *testing.T, piece string, size, times int) {
		if len(piece) == 0 {
			return
		}
		var r ring
		all := ""
		for i := range times % 300 {
			from := i % len(piece)
			b := piece[from:min(len(piece), from+1+abs(size)%50)]
			r.add([]byte(b), someTime)
			all += b
			require.LessOrEqual(t, len(r.data), ringMax)
			require.LessOrEqual(t, len(r.marks), marksMax)
			require.True(t, strings.HasSuffix(all, string(r.data)))
			for _, m := range r.marks {
				require.LessOrEqual(t, int(m.at), len(r.data))
			}
		}
		for _, l := range r.lines(1, app.Out, 1000) {
			require.NotContains(t, l.Text, "\n")
		}
	})
}
