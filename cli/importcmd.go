package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"weaver/app"
	"weaver/config"
	"weaver/config/port"
)

func importFlags() []flag {
	return []flag{
		{name: "out", arity: one, meta: "FILE", help: "write the config file there"},
		{name: "start", help: "start what it describes"},
		{name: "force", alias: "f", help: "replace the file that --out names"},
	}
}

// runImport takes over what another supervisor was told: a config file of weaver's comes of it, on standard output unless it is
// to be written or started. What has no counterpart is said on standard error.
func runImport(c *call) error {
	format, files := c.args[0], c.args[1:]
	if format == "pm2" {
		return c.importPM2(files)
	}
	if !slices.Contains(port.Formats(), format) {
		known := append([]string{"pm2"}, port.Formats()...)
		err := &usageError{fmt.Sprintf("unknown format `%s'", format), "it is one of " + strings.Join(known, ", ")}
		if near := nearest(format, known); near != "" {
			err.hint = "did you mean " + near + "? It is one of " + strings.Join(known, ", ")
		}
		return err
	}
	if len(files) == 0 {
		return &usageError{"missing required argument `file'", program(c.env) + " import " + format + " FILE"}
	}
	made, err := port.Read(c.portContext(), format, files)
	if made != nil {
		for _, n := range made.Notes {
			c.out.warned = append(c.out.warned, n.String())
			c.out.note("note: %s", n)
		}
	}
	if err != nil {
		return c.cannot("", "import "+strings.Join(files, ", "), err)
	}
	text := made.YAML()
	loaded, err := c.loadMade(text)
	if err != nil {
		return err
	}
	out := c.str("out")
	if out != "" {
		if err := c.writeMade(c.abs(out), text, made.Secret()); err != nil {
			return err
		}
		loaded.File = c.abs(out)
	}
	switch {
	case c.bool("start"):
		return c.after(c.startAll(&loaded, app.Restart))
	case c.out.json:
		return c.out.value(map[string]any{"apps": made.Names(), "notes": c.out.warned, "file": out, "config": string(text)})
	case out == "":
		c.out.bytes(text)
	}
	for _, f := range loaded.Failed { // as it is now; it may be another machine that it is for
		c.out.note("note: %s: %v", f.Name, f.Err)
	}
	return nil
}

func (c *call) portContext() port.Context {
	host, _ := os.Hostname() // without a name, it is empty to a file as well
	return port.Context{Cwd: c.env.Cwd, Env: app.ParseEnviron(c.env.Environ), Host: host}
}

// loadMade reads what was made as start would.
func (c *call) loadMade(text []byte) (config.Loaded, error) {
	cc := c.fileContext()
	cc.Stdin = bytes.NewReader(text)
	loaded, err := config.Load(c.ctx, cc, "-", c.appFlags())
	if err != nil {
		return loaded, c.configError(err)
	}
	c.problems(loaded.Problems)
	return loaded, nil
}

// writeMade writes a file that was made. One with secrets is for its owner alone.
func (c *call) writeMade(path string, text []byte, secret string) error {
	mode := os.FileMode(0o644)
	if secret != "" {
		mode = 0o600
		c.out.note("note: %s is in %s, which only you can read", secret, path)
	}
	if _, err := os.Lstat(path); err == nil && !c.bool("force") {
		return c.cannot("--force replaces it", "write "+path, os.ErrExist)
	}
	return c.replaceFile(path, text, mode)
}

// replaceFile writes a file beside the old one and puts it in its place: a reader sees one of them whole, and a secret is
// never in a file that others can read.
func (c *call) replaceFile(path string, data []byte, mode os.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-")
	if err != nil {
		return c.cannot("", "write "+path, err)
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(mode), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return c.cannot("", "write "+path, err)
	}
	c.out.talk("Written to %s", path)
	return nil
}
