package cli

import (
	"context"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/api"
	"weaver/cli/hot"
	"weaver/lock"
)

func TestKillWaitsUntilTheHomeIsFree(t *testing.T) {
	d := newFake(t, process(0, "web", 100))
	held, err := lock.Try(filepath.Join(d.home, "daemon.lock"), lock.Holder{PID: os.Getpid()})
	require.NoError(t, err)
	released := make(chan struct{})
	d.during = func() {
		go func() { // ends by itself
			defer close(released)
			held.Release()
		}()
	}
	assert.Equal(t, "[PM2] Applying action deleteProcessId on app [all](ids: [ 0 ])\n[PM2] [v] All Applications Stopped\n[PM2] [v] PM2 Daemon Stopped\n", d.runner().good("kill"))
	<-released
}

// Everybody takes locks in the same order, or two would wait for each other.
func TestLocksAreTakenInOrder(t *testing.T) {
	d := newFake(t, process(0, "web", 100), process(1, "api", 101), process(2, "zoo", 102))
	dir := filepath.Join(d.home, "locks")
	require.NoError(t, os.MkdirAll(dir, 0o700))
	held, err := lock.Try(filepath.Join(dir, "web.lock"), lock.Holder{PID: 1})
	require.NoError(t, err)
	defer held.Release()
	o := d.runner().run("stop", "zoo", "web", "api", "--lock-timeout", "1")
	assert.Contains(t, o.stderr, "cannot lock web")
	assert.FileExists(t, filepath.Join(dir, "api.lock"))
	assert.NoFileExists(t, filepath.Join(dir, "zoo.lock"))
}

// A kill is only done once the anchor has let go of the home.
func TestKillDoesNotEndBeforeTheAnchor(t *testing.T) {
	d := newFake(t)
	held, err := lock.Try(filepath.Join(d.home, "daemon.lock"), lock.Holder{PID: os.Getpid()})
	require.NoError(t, err)
	defer held.Release()
	r := d.runner()
	ctx, cancel := context.WithCancel(t.Context())
	r.ctx = ctx
	down := d.down
	d.down = func() { down(); cancel() }
	o := r.run("kill")
	assert.NotZero(t, o.code)
	assert.Empty(t, o.stdout)
}

// Supervisor or anchor may be killed when all is stopped and the anchor does not know that it is to end: what starts then is asked
// to end, too.
func TestKillEndsASuccessor(t *testing.T) {
	d := newFake(t)
	held, err := lock.Try(filepath.Join(d.home, "daemon.lock"), lock.Holder{PID: os.Getpid()})
	require.NoError(t, err)
	var kills, ends atomic.Int32
	down := d.down
	d.down = func() { // the first time another one takes its place
		if ends.Add(1) > 1 {
			down()
		}
	}
	d.during = func() {
		if kills.Add(1) > 1 {
			held.Release()
		}
	}
	assert.Contains(t, d.runner().good("kill"), "[PM2] [v] PM2 Daemon Stopped\n")
	assert.EqualValues(t, 2, kills.Load())
}

func TestLocksAreHeldWhileTheDaemonWorks(t *testing.T) {
	d := newFake(t, process(0, "a/b", 100), process(1, "api", 101))
	path := filepath.Join(d.home, "locks", hot.LockName("a/b")+".lock")
	var infos []lock.Info
	d.during = func() {
		infos, _ = lock.List(filepath.Join(d.home, "locks"))
	}
	d.runner().good("restart", "all")
	require.Len(t, infos, 2)
	assert.True(t, infos[0].Held && infos[1].Held)
	assert.Equal(t, path, infos[0].Path)
	assert.Equal(t, "weaver restart all", infos[0].Holder.Command)

	d.during = func() { infos, _ = lock.List(filepath.Join(d.home, "locks")) }
	d.runner().good("restart", "all", "--no-lock")
	assert.False(t, infos[0].Held)
}

func TestLockTimeoutNamesTheHolder(t *testing.T) {
	d := newFake(t, process(0, "web", 100))
	dir := filepath.Join(d.home, "locks")
	require.NoError(t, os.MkdirAll(dir, 0o700))
	held, err := lock.Try(filepath.Join(dir, "web.lock"), lock.Holder{PID: 12345, Command: "weaver restart web", Since: time.Now()})
	require.NoError(t, err)
	defer held.Release()
	for _, how := range []func(*runner) outcome{
		func(r *runner) outcome { return r.run("stop", "web", "--lock-timeout", "1") },
		func(r *runner) outcome { r.env = []string{"WEAVER_LOCK_TIMEOUT=1"}; return r.run("stop", "web") },
		func(r *runner) outcome {
			require.NoError(t, os.WriteFile(filepath.Join(d.home, "settings.json"), []byte(`{"lock.timeout": "1ms"}`), 0o600))
			return r.run("stop", "web")
		},
	} {
		o := how(d.runner())
		assert.Equal(t, 1, o.code)
		assert.Contains(t, o.stderr, "weaver: cannot lock web: held by pid 12345 (weaver restart web) since ")
		assert.Contains(t, o.stderr, "; waited 1ms\nhint: ")
	}
	assert.Empty(t, d.asked(api.PathAct), "nothing was done")
	assert.Contains(t, d.runner().good("lock", "list"), "web  held   12345")
	o := d.runner().run("stop", "web", "--lock-timeout", "soon")
	assert.Contains(t, o.stderr, "error: option `--lock-timeout' needs milliseconds")
	require.NoError(t, os.WriteFile(filepath.Join(d.home, "settings.json"), []byte(`{"lock.enabled": "false"}`), 0o600))
	d.runner().good("stop", "web")
}
