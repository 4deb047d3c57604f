package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"weaver/config/source"
)

// program is what a script string stands for.
type program struct {
	path string
	args []string // before those that the user gave
	// shell says that the string is a command line, which a shell runs.
	shell bool
}

// locate finds what the string means: a file, from cwd; a command line, if it has a blank in it; a program in PATH.
func (c Context) locate(cwd, script string) (program, error) {
	path := c.abs(cwd, script)
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.IsDir():
		return program{path: path}, nil
	case script == Serve && c.Server != "":
		return program{path: c.Server, args: []string{"static-server"}}, nil
	case strings.ContainsAny(script, " \t\n"):
		return c.shell(cwd, script)
	case err == nil && runnable(path):
		return program{path: path}, nil
	case err == nil:
		return program{}, saidf("Script is a directory: %s", path).try("name the file in it that is to run")
	}
	if found, ok := c.look(script, cwd); ok && !strings.ContainsRune(script, filepath.Separator) {
		return program{path: found}, nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		return program{}, saidf("Script not found: %s", path)
	}
	return program{}, &said{message: fmt.Sprintf("Script not found: %s", clip(path)), cause: pathCause(err)}
}

// here reports a script that lies in the caller's directory, or below it, and is named from there.
func (c Context) here(script string) bool {
	if filepath.IsAbs(script) {
		return false
	}
	path := c.abs(c.Cwd, script)
	info, err := os.Stat(path)
	return err == nil && (!info.IsDir() || runnable(path))
}

// runnable reports a directory that an interpreter can be given: a package of Node's, or of Python's.
func runnable(dir string) bool {
	files := []string{"index.js", "index.json", "index.node", "__main__.py"}
	if data, err := source.Read(filepath.Join(dir, "package.json")); err == nil {
		var pkg struct{ Main string }
		if json.Unmarshal(data, &pkg) == nil && pkg.Main != "" {
			files = append(files, pkg.Main, pkg.Main+".js", filepath.Join(pkg.Main, "index.js"))
		}
	}
	return slices.ContainsFunc(files, func(name string) bool {
		info, err := os.Stat(filepath.Join(dir, name))
		return err == nil && !info.IsDir()
	})
}

func (c Context) shell(cwd, line string) (program, error) {
	for _, name := range []string{"bash", "sh", "/bin/sh"} {
		if path, ok := c.look(name, cwd); ok {
			return program{path: path, args: []string{"-c", line}, shell: true}, nil
		}
	}
	return program{}, saidf("Script not found: %s", clip(line)).try("a command line needs bash or sh in PATH")
}

// look finds an executable file: a name in the caller's PATH, a path from cwd.
func (c Context) look(name, cwd string) (string, bool) {
	if name == "" {
		return "", false
	}
	if strings.ContainsRune(name, filepath.Separator) {
		path := c.abs(cwd, name)
		return path, executable(path) == nil
	}
	dirs, _ := c.Env.Get("PATH")
	for _, dir := range filepath.SplitList(dirs) {
		if path := c.abs(c.Cwd, filepath.Join(dir, name)); executable(path) == nil {
			return path, true
		}
	}
	return "", false
}

// readHead returns the first bytes of a file.
func readHead(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head := make([]byte, 512) // as much as PM2 looks at
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return head[:n], nil
}

// shebang returns the program that the "#!" line names, through env, or "".
func shebang(head []byte) string {
	line, ok := bytes.CutPrefix(head, []byte("#!"))
	if !ok {
		return ""
	}
	line, _, _ = bytes.Cut(line, []byte("\n"))
	words := strings.Fields(string(line))
	if len(words) > 1 && filepath.Base(words[0]) == "env" {
		for _, w := range words[1:] {
			if !strings.HasPrefix(w, "-") && !strings.Contains(w, "=") {
				return w
			}
		}
	}
	if len(words) == 0 {
		return ""
	}
	return words[0]
}

// binary reports what is no text: a NUL, or more than one odd byte in ten.
func binary(head []byte) bool {
	odd := 0
	for rest := head; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		switch {
		case r == 0:
			return true
		case r == utf8.RuneError && size == 1, r < ' ' && !strings.ContainsRune("\t\n\r\f\b\x1b", r), r == 0x7f:
			odd++
		}
		rest = rest[size:]
	}
	return odd*10 > len(head)
}
