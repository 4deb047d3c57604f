//go:build unix

package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/lock"
)

// anchored gives a runner an anchor that is a shell script.
func anchored(t *testing.T, script string) *runner {
	t.Helper()
	r := newRunner(t, tempHome(t))
	require.NoError(t, os.WriteFile(r.self, nil, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(r.self), "weaver"), []byte("#!/bin/sh\n"+script), 0o755))
	return r
}

func TestAnAnchorThatSaysNoIsQuoted(t *testing.T) {
	r := anchored(t, `echo "$@" > args; env > env; echo "error the port is on fire" >&3`)
	r.env = []string{"NODE_CHANNEL_FD=9", "NODE_UNIQUE_ID=1", "KEEP=this"}
	o := r.run("ping")
	assert.Equal(t, 1, o.code)
	assert.Equal(t, "weaver: cannot start the supervisor: the port is on fire\nhint: see "+r.home+"/anchor.log\n", o.stderr)
	args, err := os.ReadFile(filepath.Join(r.home, "args"))
	require.NoError(t, err)
	assert.Equal(t, "--anchor "+r.home+" "+r.self+"\n", string(args))
	environ, err := os.ReadFile(filepath.Join(r.home, "env"))
	require.NoError(t, err)
	assert.Contains(t, string(environ), "KEEP=this\n")
	assert.NotContains(t, string(environ), "NODE_")
	info, err := os.Stat(r.home)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o700), info.Mode().Perm())
}

func TestAnAnchorThatDiesIsNotWaitedFor(t *testing.T) {
	r := anchored(t, "echo cannot breathe >&2; exit 3")
	o := r.run("save")
	assert.Equal(t, 1, o.code)
	assert.Contains(t, o.stderr, "weaver: cannot start the supervisor: exit status 3: cannot breathe\n")
}

// Who kills an anchor that is just starting has killed no start: there is another one.
func TestAnAnchorThatIsKilledIsStartedAgain(t *testing.T) {
	r := anchored(t, `echo >> tries; test $(wc -l < tries) -ge 3 || kill -9 $$; echo "ok 4711" >&3`)
	o := r.run("ping")
	assert.Contains(t, o.stderr, "weaver: started the supervisor (pid 4711")
	tries, err := os.ReadFile(filepath.Join(r.home, "tries"))
	require.NoError(t, err)
	assert.Len(t, tries, 3)

	r = anchored(t, `echo >> tries; kill -9 $$`)
	o = r.run("ping")
	assert.Equal(t, 1, o.code)
	assert.Contains(t, o.stderr, "weaver: cannot start the supervisor: it was killed (signal: killed)\n")
}

// Another anchor may hold the home whose daemon does not answer yet.
func TestADaemonThatIsJustStartingIsWaitedFor(t *testing.T) {
	r := anchored(t, "echo held 77 >&3; touch ran")
	require.NoError(t, os.MkdirAll(r.home, 0o700))
	held, err := lock.Try(filepath.Join(r.home, "daemon.lock"), lock.Holder{PID: 77})
	require.NoError(t, err)
	defer held.Release()
	done := make(chan outcome)
	go func() { done <- r.run("ping") }()
	require.Eventually(t, func() bool {
		_, err := os.Stat(filepath.Join(r.home, "ran"))
		return err == nil
	}, 60*time.Second, time.Millisecond)
	d := &fakeDaemon{t: t, home: r.home}
	d.serve()
	assert.Equal(t, outcome{0, "{ msg: 'pong' }\nPID: 4711\nVersion: 1.2.3\nUptime: 0.0 s\n", ""}, <-done)
}

// Nobody but one starts the daemon: whoever comes second finds it running once the lock is free.
func TestWhoeverComesSecondFindsTheDaemon(t *testing.T) {
	r := anchored(t, "touch ran")
	require.NoError(t, os.MkdirAll(r.home, 0o755))
	first, err := lock.Try(filepath.Join(r.home, "spawn.lock"), lock.Holder{PID: os.Getpid()})
	require.NoError(t, err)
	done := make(chan outcome)
	go func() { done <- r.run("ping") }()
	require.Eventually(t, func() bool { // it has seen that there is no daemon, and prepares to start one
		info, err := os.Stat(r.home)
		return err == nil && info.Mode().Perm() == 0o700
	}, 60*time.Second, time.Millisecond)
	d := &fakeDaemon{t: t, home: r.home}
	d.serve()
	require.NoError(t, first.Release())
	assert.Zero(t, (<-done).code)
	assert.NoFileExists(t, filepath.Join(r.home, "ran"))
}

func TestHomesThatCannotWork(t *testing.T) {
	t.Run("too long", func(t *testing.T) {
		r := newRunner(t, "/tmp/"+strings.Repeat("x", 120))
		for _, args := range []string{"ping", "list"} {
			o := r.run(args)
			assert.Equal(t, 1, o.code)
			assert.Contains(t, o.stderr, "the path of its socket has 137 bytes, and")
			assert.Contains(t, o.stderr, "hint: set a home with a shorter path\n")
		}
	})
	t.Run("a file", func(t *testing.T) {
		r := anchored(t, "touch ran")
		require.NoError(t, os.WriteFile(r.home, nil, 0o600))
		for _, args := range []string{"ping", "list"} {
			o := r.run(args)
			assert.Equal(t, 1, o.code)
			assert.Contains(t, o.stderr, "weaver: cannot use the home "+r.home+": not a directory\nhint: ")
		}
	})
	t.Run("below a file", func(t *testing.T) {
		r := anchored(t, "touch ran")
		require.NoError(t, os.WriteFile(r.home, nil, 0o600))
		r.home += "/x"
		o := r.run("ping")
		assert.Equal(t, 1, o.code)
		assert.Contains(t, o.stderr, "weaver: cannot ")
		assert.Contains(t, o.stderr, "not a directory")
	})
	t.Run("of somebody else", func(t *testing.T) {
		if os.Geteuid() != 0 {
			t.Skip("only root can give a directory away")
		}
		r := anchored(t, "touch ran")
		require.NoError(t, os.MkdirAll(r.home, 0o755))
		require.NoError(t, os.Chown(r.home, 12345, 0))
		o := r.run("ping")
		assert.Equal(t, 1, o.code)
		assert.Contains(t, o.stderr, "weaver: cannot use the home "+r.home+": it belongs to user 12345\nhint: ")
		assert.NoFileExists(t, filepath.Join(r.home, "ran"))
	})
	t.Run("with a part of somebody else", func(t *testing.T) {
		if os.Geteuid() != 0 {
			t.Skip("only root can give a directory away")
		}
		for _, part := range []struct {
			dir     string
			refused bool
		}{{"logs", false}, {"pids", false}, {"state", true}, {"locks", true}} {
			r := anchored(t, "echo error x >&3")
			inside := filepath.Join(r.home, part.dir)
			require.NoError(t, os.MkdirAll(inside, 0o755))
			require.NoError(t, os.Chown(inside, 12345, 0))
			refusal := "weaver: cannot use " + inside + ": it belongs to user 12345\nhint: "
			assert.Equal(t, part.refused, strings.Contains(r.run("ping").stderr, refusal), part.dir)
			require.NoError(t, os.Remove(inside))
			require.NoError(t, os.Symlink("/tmp", inside))
			require.NoError(t, os.Lchown(inside, 12345, 0))
			assert.Contains(t, r.run("ping").stderr, refusal, "a link at "+part.dir)
		}
	})
	t.Run("open to all", func(t *testing.T) {
		r := anchored(t, "echo error x >&3")
		require.NoError(t, os.MkdirAll(r.home, 0o755))
		r.run("ping")
		info, err := os.Stat(r.home)
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	})
	t.Run("no weaver", func(t *testing.T) {
		r := anchored(t, "")
		require.NoError(t, os.Remove(filepath.Join(filepath.Dir(r.self), "weaver")))
		r.env = []string{"PATH=/nowhere"}
		o := r.run("ping")
		assert.Equal(t, 1, o.code)
		assert.Contains(t, o.stderr, "no executable weaver beside "+r.self+" or on PATH\nhint: weaver and weaverd belong into the same directory\n")
	})
}

// A socket that nobody listens on is what a dead daemon leaves: a new one takes its place.
func TestAStaleSocketIsNoDaemon(t *testing.T) {
	d := newFake(t)
	d.down()
	require.NoError(t, os.WriteFile(filepath.Join(d.home, "weaver.sock"), nil, 0o600))
	r := anchored(t, "echo error came here >&3")
	r.home = d.home
	assert.Contains(t, r.run("ping").stderr, "came here")
	assert.Equal(t, "[]", r.good("jlist"))
}
