package supervisor

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/app"
)

func TestCronRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{}
		f := newFixture(t, w)
		defer f.close()
		f.start(app.Spec{Name: "a", Script: "/a", CronRestart: "0 * * * *"}, app.Spec{Name: "plain", Script: "/b"})
		time.Sleep(3*time.Hour + 30*time.Minute)
		assert.Equal(t, 3, f.get(0).Restarts)
		assert.Zero(t, f.get(1).Restarts)

		f.do(app.VerbStop, "a")
		time.Sleep(time.Hour)
		assert.Equal(t, app.Online, f.get(0).Status, "a tick starts what was stopped, as in PM2")

		f.run(func(report func(app.Progress)) {
			f.Do(t.Context(), Action{
				Verb: app.VerbRestart, Targets: []app.Selector{"a"}, Specs: map[app.ID]app.Spec{0: {Name: "a", Script: "/a"}},
			}, report)
		})
		before := len(w.launches())
		time.Sleep(5 * time.Hour)
		assert.Len(t, w.launches(), before, "a new spec without a schedule has none")
	})
}

func TestUnreadableCronIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, &world{})
		defer f.close()
		f.start(app.Spec{Name: "a", Script: "/a", CronRestart: "whenever"})
		synctest.Wait()
		said := ""
		for _, e := range f.History(0) {
			if e.Kind == app.EventFailed {
				said = e.Message
			}
		}
		assert.Contains(t, said, "cron_restart")
	})
}

// TestWatchRestarts is about real files, which know no virtual time.
func TestWatchRestarts(t *testing.T) {
	dir := t.TempDir()
	w := &world{}
	f := newFixture(t, w)
	defer f.close()
	out := filepath.Join(dir, "a-out.log")
	f.start(app.Spec{Name: "a", Script: "/a", Cwd: dir, Watch: json.RawMessage("true"), OutFile: out, MergeLogs: true})
	require.True(t, f.get(0).Watching)
	touch := func(name string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(time.Now().String()), 0o600))
	}
	require.Eventually(t, func() bool { return f.Watches(0) }, 30*time.Second, time.Millisecond)
	touch("app.js")
	require.Eventually(t, func() bool { return f.get(0).Restarts > 0 }, 30*time.Second, time.Millisecond, "a change restarts")
	f.do(app.VerbStop, "a")
	assert.False(t, f.get(0).Watching)
	n := len(w.launches())
	assert.False(t, f.Watches(0))
	touch("app.js")
	f.do(app.VerbStart, "a")
	assert.True(t, f.get(0).Watching, "watched again once it is started")
	assert.Len(t, w.launches(), n+1, "what is stopped is not watched")
}

func TestWeaversOwnFilesAreNoChanges(t *testing.T) {
	p := &app.Process{OutPath: "/app/logs/out.log", PIDPath: "/app/a.pid"}
	files := []string{"/app/logs/out.log", "/app/a.pid"}
	for _, c := range []struct {
		roots []string
		home  string
		all   bool // the home is ignored
	}{
		{[]string{"/app"}, "/app/home", true},
		{[]string{"src", "/app"}, "/app/home", true},
		{[]string{"/app"}, "/elsewhere", true},
		{[]string{"/app"}, "/", false},
		{[]string{"/app"}, "/app", false},
		{[]string{"/home/apps/x"}, "/home", false},
		{[]string{"/homely"}, "/home", true},
		{[]string{"/app"}, "", false},
	} {
		want := files
		if c.all {
			want = append([]string{c.home}, files...)
		}
		assert.Equal(t, want, own(p, c.roots, c.home), "%+v", c)
	}
}
