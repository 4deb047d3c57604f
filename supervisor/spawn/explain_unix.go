//go:build linux || darwin

package spawn

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// unexecutable is longer than any path may be: exec refuses it with ENAMETOOLONG, before it looks at anything.
var unexecutable = "/" + strings.Repeat("x", 8192)

// explainFork says which step of a ForkExec failed, which returns nothing but an errno. Each is taken again with a path
// that exec refuses in its own way: an errno other than that one came from an earlier step.
func explainFork(c *Cmd, attr syscall.ProcAttr, cause error) error {
	var errno syscall.Errno
	if !errors.As(cause, &errno) {
		return fmt.Errorf("exec %s: %w", c.Path, cause) // e.g. a NUL byte in an argument
	}
	switch errno {
	case syscall.EAGAIN, syscall.ENOMEM, syscall.EMFILE, syscall.ENFILE, syscall.ENOSYS:
		return fmt.Errorf("fork: %w", cause)
	}
	reachesExec := func(attr syscall.ProcAttr) bool {
		_, err := syscall.ForkExec(unexecutable, []string{"x"}, &attr)
		return err == syscall.ENAMETOOLONG
	}
	if reachesExec(attr) {
		return explainExec(c, errno)
	}
	stay := attr
	stay.Dir = ""
	if attr.Dir != "" && reachesExec(stay) {
		return fmt.Errorf("chdir %s: %w", attr.Dir, cause)
	}
	same := *attr.Sys
	same.Credential = nil
	stay.Sys = &same
	if c.User != nil && reachesExec(stay) {
		return fmt.Errorf("become user %d group %d: %w", c.User.UID, c.User.GID, cause)
	}
	return fmt.Errorf("prepare descriptors of %s: %w", c.Path, cause)
}

// explainExec says what exec itself complains of: the file, or the interpreter that it names.
func explainExec(c *Cmd, errno syscall.Errno) error {
	path := c.Path
	if !filepath.IsAbs(path) {
		path = filepath.Join(c.Dir, path)
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
	case info.IsDir():
		return fmt.Errorf("exec %s: is a directory: %w", c.Path, errno)
	case errno == syscall.ENOENT || errno == syscall.EACCES && info.Mode()&0o111 != 0:
		if name, problem := interpreter(path, errno); problem {
			return fmt.Errorf("exec %s: interpreter %s: %w", c.Path, name, errno)
		}
	}
	return fmt.Errorf("exec %s: %w", c.Path, errno)
}

// interpreter returns the interpreter that the file names, and whether it can be what errno is about.
func interpreter(path string, errno syscall.Errno) (string, bool) {
	name, ok := interpreterOf(path)
	if !ok {
		return "", false
	}
	info, err := os.Stat(name)
	if errno == syscall.ENOENT {
		return name, err != nil
	}
	return name, err != nil || info.IsDir() || info.Mode()&0o111 == 0
}

// interpreterOf reads the "#!" line of a script or the dynamic loader of a program.
func interpreterOf(path string) (string, bool) {
	f, err := os.Open(path)
	if err != nil {
		return "", false
	}
	defer f.Close()
	head := make([]byte, 256) // the kernel looks no further
	n, _ := f.Read(head)
	if line, script := bytes.CutPrefix(head[:n], []byte("#!")); script {
		line, _, _ = bytes.Cut(line, []byte("\n"))
		words := bytes.Fields(line)
		if len(words) == 0 {
			return "", false
		}
		return string(words[0]), true
	}
	binary, err := elf.NewFile(f)
	if err != nil {
		return "", false
	}
	for _, p := range binary.Progs {
		if p.Type == elf.PT_INTERP && p.Filesz < 4096 {
			name := make([]byte, p.Filesz)
			if _, err := p.ReadAt(name, 0); err == nil {
				return string(bytes.TrimRight(name, "\x00")), true
			}
		}
	}
	return "", false
}
