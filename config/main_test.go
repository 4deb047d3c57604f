package config

import (
	"context"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"weaver/app"
	"weaver/config/home"
	"weaver/config/js"
)

// TestMain is the engine too, when it is called by its name.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == js.Name {
		os.Exit(js.Main(os.Args[1:], os.Stdout, os.Stderr))
	}
	goleak.VerifyTestMain(m)
}

// engine is a weaver-js.
func engine(t testing.TB) string {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), js.Name)
	require.NoError(t, os.Symlink(self, path))
	return path
}

// place is a directory with a server.js, and a Context in it with four processors, a small PATH and a pretended node.
func newContext(t *testing.T) Context {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	write(t, dir, "server.js", "1", 0o644)
	write(t, dir, "bin/node", "#!/bin/sh\n", 0o755)
	return Context{
		Cwd:    dir,
		Env:    app.Env{{Name: "PATH", Value: dir + "/bin:/usr/bin:/bin"}, {Name: "HOME", Value: "/home/u"}, {Name: "USER", Value: "u"}},
		Home:   home.Home{Dir: "/wh"},
		CPUs:   func() int { return 4 },
		Engine: engine(t),
		Node:   func() string { return dir + "/bin/node" },
	}
}

func write(t *testing.T, dir, name, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(text), mode))
	require.NoError(t, os.Chmod(path, mode))
	return path
}

// load loads text as a file of that name.
func load(t *testing.T, c Context, name, text string, f Flags) (Loaded, error) {
	t.Helper()
	write(t, c.Cwd, name, text, 0o644)
	return Load(context.Background(), c, name, f)
}

// one loads a single app that has to be fine.
func one(t *testing.T, c Context, text string) app.Spec {
	t.Helper()
	l, err := load(t, c, "one.json", text, Flags{})
	require.NoError(t, err)
	require.Empty(t, l.Failed)
	require.Len(t, l.Apps, 1)
	return l.Apps[0]
}

func realNode(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed")
	}
	return path
}

func samples(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../testdata/ecosystem")
	require.NoError(t, err)
	return dir
}

// self is the name of the user that the tests run as.
func self(t *testing.T) string {
	me, err := user.Current()
	require.NoError(t, err)
	return me.Username
}
