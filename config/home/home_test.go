package home

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func env(vars map[string]string) func(string) string {
	return func(name string) string { return vars[name] }
}

// short is a directory whose path leaves room for a socket.
func short(t *testing.T) string {
	dir, err := os.MkdirTemp("", "wh")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func touch(t *testing.T, path string) {
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, nil, 0o600))
}

// live makes a supervisor's socket that answers.
func live(t *testing.T, path string) net.Listener {
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	l, err := net.Listen("unix", path)
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	return l
}

func TestPersonaIsTheNameOfTheLink(t *testing.T) {
	for name, want := range map[string]struct {
		persona Persona
		command string
	}{
		"weaver": {Weaver, ""}, "weaverd": {Weaver, ""}, "/usr/bin/pm2": {PM2, ""}, "pm2.exe": {PM2, ""},
		"pm2-runtime": {PM2, "runtime"}, "/x/pm2-docker": {PM2, "runtime"}, "pm2-dev": {PM2, "dev"}, "pm2x": {Weaver, ""},
		"": {Weaver, ""},
	} {
		assert.Equal(t, want.persona, PersonaOf(name), name)
		assert.Equal(t, want.command, CommandOf(name), name)
	}
}

func TestAHomeOfPM2HasItsFileNames(t *testing.T) {
	base := t.TempDir()
	h, err := Find(PM2, env(map[string]string{"HOME": base}))
	require.NoError(t, err)
	assert.Equal(t, Home{base + "/.pm2", true}, h)
	assert.Equal(t, base+"/.pm2/pm2.log", h.DaemonLog())
	assert.Equal(t, base+"/.pm2/pm2.pid", h.PIDFile())

	own := filepath.Join(base, "own")
	touch(t, own+"/state.json") // weaver made it under its own name: the names stay
	h, err = Find(PM2, env(map[string]string{"PM2_HOME": own}))
	require.NoError(t, err)
	assert.Equal(t, own+"/weaver.log", h.DaemonLog())

	touch(t, own+"/module_conf.json")
	assert.Equal(t, own+"/pm2.log", At(own).DaemonLog())
	h, err = Find(Weaver, env(map[string]string{"WEAVER_HOME": own}))
	require.NoError(t, err)
	assert.True(t, h.PM2)
}

func TestWeaverGoesWhereTheSupervisorRuns(t *testing.T) {
	vars := func(base string) func(string) string { return env(map[string]string{"HOME": base}) }

	base := short(t)
	h, err := Find(Weaver, vars(base))
	require.NoError(t, err)
	assert.Equal(t, base+"/.weaver", h.Dir, "nothing runs")

	l := live(t, base+"/.pm2/weaver.sock")
	h, err = Find(Weaver, vars(base))
	require.NoError(t, err)
	assert.Equal(t, base+"/.pm2", h.Dir)

	live(t, base+"/.weaver/weaver.sock")
	_, err = Find(Weaver, vars(base))
	var two *TwoError
	require.True(t, errors.As(err, &two), "%v", err)
	assert.Equal(t, &TwoError{base + "/.weaver", base + "/.pm2"}, two)

	h, err = Find(Weaver, env(map[string]string{"HOME": base, "WEAVER_HOME": base + "/.pm2"}))
	require.NoError(t, err)
	assert.Equal(t, base+"/.pm2", h.Dir, "who names one gets it")

	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	h, err = Find(Weaver, vars(base))
	require.NoError(t, err)
	assert.Equal(t, base+"/.weaver", h.Dir, "the other one died")

	base = short(t)
	l = live(t, base+"/.pm2/weaver.sock")
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	h, err = Find(Weaver, vars(base))
	require.NoError(t, err)
	assert.Equal(t, base+"/.pm2", h.Dir, "it died, and there never was another")
}
