package spawn

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestLaunchErrorsNameTheCause(t *testing.T) {
	base := t.TempDir()
	put := func(name, text string, perm os.FileMode) string {
		path := filepath.Join(base, name)
		require.NoError(t, os.WriteFile(path, []byte(text), perm))
		require.NoError(t, os.Chmod(path, perm))
		return path
	}
	plain := put("plain", "#!/bin/sh\n", 0o644)
	orphan := put("orphan", "#!/no/such/interpreter -x\n", 0o755)
	notexec := put("notexec", "#!"+plain+"\n", 0o755)
	garbage := put("garbage", "\x01\x02\x03", 0o755)
	looped := filepath.Join(base, "loop")
	require.NoError(t, os.Symlink(looped, looped))
	loader := put("loader", elfWithLoader(t, "/no/ld.so"), 0o755)

	rows := []struct {
		name   string
		change func(*Cmd)
		text   string
		is     syscall.Errno
	}{
		{"no file", func(c *Cmd) { c.Path = "/no/such" }, "exec /no/such: no such file or directory", unix.ENOENT},
		{"relative", func(c *Cmd) { c.Path, c.Dir = "no", base }, "exec no: no such file or directory", unix.ENOENT},
		{"not executable", func(c *Cmd) { c.Path = plain }, "exec " + plain + ": permission denied", unix.EACCES},
		{"directory", func(c *Cmd) { c.Path = base }, "exec " + base + ": is a directory: permission denied", unix.EACCES},
		{"below a file", func(c *Cmd) { c.Path = plain + "/x" }, "exec " + plain + "/x: not a directory", unix.ENOTDIR},
		{"no interpreter", func(c *Cmd) { c.Path = orphan }, "exec " + orphan + ": interpreter /no/such/interpreter: no such file or directory", unix.ENOENT},
		{"interpreter not executable", func(c *Cmd) { c.Path = notexec }, "exec " + notexec + ": interpreter " + plain + ": permission denied", unix.EACCES},
		{"no loader", func(c *Cmd) { c.Path = loader }, "exec " + loader + ": interpreter /no/ld.so: no such file or directory", unix.ENOENT},
		{"no format", func(c *Cmd) { c.Path = garbage }, "exec " + garbage + ": exec format error", unix.ENOEXEC},
		{"loop", func(c *Cmd) { c.Path = looped }, "exec " + looped + ": too many levels of symbolic links", unix.ELOOP},
		{"no cwd", func(c *Cmd) { c.Dir = "/no/dir" }, "chdir /no/dir: no such file or directory", unix.ENOENT},
		{"cwd is a file", func(c *Cmd) { c.Dir = plain }, "chdir " + plain + ": not a directory", unix.ENOTDIR},
		{"cwd and file", func(c *Cmd) { c.Path, c.Dir = "/no/such", "/no/dir" }, "chdir /no/dir: no such file or directory", unix.ENOENT},
		{"argument", func(c *Cmd) { c.Argv = append(c.Argv, "a\x00b") }, "exec /bin/true: invalid argument", unix.EINVAL},
		{"too many", func(c *Cmd) { c.Argv = append(c.Argv, strings.Repeat("x", 1<<20)) }, "exec /bin/true: argument list too long", unix.E2BIG},
		{"descriptor", func(c *Cmd) { c.Stdout = 9999 }, "prepare descriptors of /bin/true: bad file descriptor", unix.EBADF},
	}
	if os.Getuid() == 0 {
		private := filepath.Join(base, "private")
		require.NoError(t, os.Mkdir(private, 0o700))
		nobody := &User{UID: 65534, GID: 65534}
		rows = append(rows, []struct {
			name   string
			change func(*Cmd)
			text   string
			is     syscall.Errno
		}{
			{"cwd not for the user", func(c *Cmd) { c.Dir, c.User = private, nobody }, "chdir " + private + ": permission denied", unix.EACCES},
			{"file not for the user", func(c *Cmd) { c.Path, c.User = private+"/x", nobody }, "exec " + private + "/x: permission denied", unix.EACCES},
			{"no such user id", func(c *Cmd) { c.User = &User{UID: 1<<32 - 1, GID: 1} }, "become user 4294967295 group 1: invalid argument", unix.EINVAL},
		}...)
	}
	eachMode(t, func(t *testing.T, s *Spawner) {
		for _, row := range rows {
			for _, limits := range [][]Rlimit{nil, {{unix.RLIMIT_CORE, 0, 0}}} {
				if limits != nil && (row.is == unix.EBADF || row.is == unix.EINVAL && row.name == "argument" || row.is == unix.E2BIG) {
					continue // the trampoline itself cannot be started then
				}
				c := command("/bin/true")
				c.Rlimits = limits
				row.change(&c)
				_, err := s.Launch(c, func(Exit) { t.Error("exited was called") })
				assert.EqualError(t, err, row.text, "%s, limits %v", row.name, limits)
				assert.ErrorIs(t, err, row.is, row.name)
			}
		}
		assert.Empty(t, s.system.mains)
		assert.Empty(t, s.system.watches)
	})
}

// elfWithLoader returns a program of this machine that asks for the given loader.
func elfWithLoader(t *testing.T, loader string) string {
	t.Helper()
	text, err := os.ReadFile("/bin/true")
	require.NoError(t, err)
	name, ok := interpreterOf("/bin/true")
	require.True(t, ok)
	padded := loader + strings.Repeat("\x00", len(name)-len(loader))
	return strings.Replace(string(text), name, padded, 1)
}
