package cli

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// as runs a command line as if weaver had been called by another name.
func (r *runner) as(name string, args ...string) outcome {
	var stdout, stderr syncBuffer
	env := r.environment(&stdout, &stderr)
	env.Argv0 = "/usr/bin/" + name
	code := Run(r.ctx, env, args)
	return outcome{code, stdout.String(), stderr.String()}
}

func TestCalledAsPM2ItSaysPM2sVersion(t *testing.T) {
	r := newRunner(t, tempHome(t))
	assert.Equal(t, outcome{0, "7.0.4\n", ""}, r.as("pm2", "--version"))
	assert.Equal(t, outcome{0, "7.0.4\n", ""}, r.as("pm2-runtime", "-v"))
	assert.Equal(t, outcome{0, "1.2.3\n", ""}, r.run("--version"))
}

func TestARealPM2IsNotTouched(t *testing.T) {
	home := tempHome(t)
	require.NoError(t, os.MkdirAll(home, 0o755))
	l, err := net.Listen("unix", filepath.Join(home, "rpc.sock"))
	require.NoError(t, err)
	defer l.Close()
	r := newRunner(t, home)
	r.env = []string{"PM2_HOME=" + home}
	for _, args := range [][]string{{"list"}, {"jlist"}, {"start", "x.sh"}, {"kill"}, {"ping"}, {"save"}, {"logs"}, {"describe", "0"}} {
		o := r.as("pm2", args...)
		assert.Equal(t, 1, o.code, args)
		assert.Contains(t, o.stderr, "pm2: cannot use the home "+home+": a PM2 runs in it\nhint: weaver migrate takes", args)
	}
	entries, err := os.ReadDir(home)
	require.NoError(t, err)
	assert.Len(t, entries, 1, "nothing was made")
	assert.Equal(t, 1, r.run("list").code, "by whatever name")
}

func TestAnOldHomeOfPM2KeepsItsMode(t *testing.T) {
	home := tempHome(t)
	require.NoError(t, os.MkdirAll(home, 0o700))
	require.NoError(t, os.Chmod(home, 0o755))
	require.NoError(t, os.WriteFile(home+"/module_conf.json", []byte("{\"a\": 1}"), 0o644))
	r := newRunner(t, home)
	r.env = []string{"PM2_HOME=" + home}
	r.as("pm2", "ping")
	info, err := os.Stat(home)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o755), info.Mode().Perm())
	data, err := os.ReadFile(home + "/module_conf.json")
	require.NoError(t, err)
	assert.Equal(t, "{\"a\": 1}", string(data))
	assert.FileExists(t, home+"/touch")
}

func TestTwoSupervisorsAreNamed(t *testing.T) {
	base := filepath.Dir(tempHome(t))
	for _, name := range []string{"/.weaver", "/.pm2"} {
		require.NoError(t, os.MkdirAll(base+name, 0o700))
		l, err := net.Listen("unix", base+name+"/weaver.sock")
		require.NoError(t, err)
		defer l.Close()
	}
	r := newRunner(t, "")
	r.env = []string{"HOME=" + base}
	o := r.run("list")
	assert.Equal(t, outcome{1, "", "weaver: cannot tell which home is meant: a supervisor runs in " + base + "/.weaver and another in " + base +
		"/.pm2\nhint: set WEAVER_HOME to the one that is meant\n"}, o)
}

func TestAliasMakesLinksAndTakesThemAway(t *testing.T) {
	r := newRunner(t, tempHome(t))
	bin := filepath.Dir(r.self)
	for _, name := range []string{"weaver", "weaverd"} {
		require.NoError(t, os.WriteFile(filepath.Join(bin, name), nil, 0o755))
	}
	r.good("alias", "pm2")
	r.good("alias", "pm2") // again is fine
	for _, name := range pm2Names {
		to, err := filepath.EvalSymlinks(filepath.Join(bin, name))
		require.NoError(t, err)
		assert.Equal(t, filepath.Join(bin, "weaver"), to)
	}
	r.good("alias", "pm2", "--remove")
	left, err := os.ReadDir(bin)
	require.NoError(t, err)
	assert.Len(t, left, 2)

	other := r.file("pm2", "a real one")
	o := r.run("alias", "pm2", "--dir", r.cwd)
	assert.Equal(t, 1, o.code)
	assert.Contains(t, o.stderr, "cannot make the link "+other+": something else is there")
	assert.NoFileExists(t, filepath.Join(r.cwd, "pm2-runtime"), "all or none")
	assert.Contains(t, r.run("alias", "pm2", "--dir", r.cwd, "--remove").stderr, "left alone")
	assert.FileExists(t, other)
	r.good("alias", "pm2", "--dir", r.cwd, "--force")
	assert.NoError(t, func() error { _, err := os.Readlink(other); return err }())
}

func TestWhatARealPM2HasIsNotImported(t *testing.T) {
	home, from := tempHome(t), tempHome(t)
	require.NoError(t, os.MkdirAll(from, 0o755))
	require.NoError(t, os.WriteFile(from+"/dump.pm2", []byte("[]"), 0o644))
	l, err := net.Listen("unix", filepath.Join(from, "rpc.sock"))
	require.NoError(t, err)
	defer l.Close()
	r := newRunner(t, home)
	o := r.run("import", "pm2", from)
	assert.Equal(t, 1, o.code)
	assert.Equal(t, "weaver: cannot import what PM2 has in "+from+": a PM2 runs in it\n"+
		"hint: weaver migrate takes over the processes of a PM2 that runs\n", o.stderr)
	assert.NoFileExists(t, home+"/weaver.sock")
}
