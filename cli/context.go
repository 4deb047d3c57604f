package cli

import (
	"os"
	"path/filepath"
	"strings"
	"sync"

	"weaver/app"
	"weaver/config"
)

// configContext is what config needs to know of where and how it is called.
func (c *call) configContext() config.Context {
	if err := c.findHome(); err != nil {
		c.home.Dir = c.env.Cwd // whatever needs the home next says what is wrong with it
	}
	return config.Context{
		Cwd: c.env.Cwd, Env: app.ParseEnviron(c.env.Environ), Home: c.home, Stdin: c.env.Stdin, Talk: c.env.Stderr,
		Argv:    append([]string{c.calledBy()}, c.typed...),
		Engine:  filepath.Join(filepath.Dir(c.env.SelfPath), "weaver-js"),
		Runtime: c.cmd != nil && c.cmd.name == "runtime",
		Silent:  c.out != nil && c.out.silent,
		Strict:  c.env.Getenv("WEAVER_STRICT_PM2") == "1",
	}
}

// calledBy is the path by which this program was called.
func (c *call) calledBy() string {
	name := c.env.Argv0
	if strings.ContainsRune(name, filepath.Separator) {
		return c.abs(name)
	}
	for _, dir := range filepath.SplitList(c.env.Getenv("PATH")) {
		path := filepath.Join(c.abs(dir), name)
		if info, err := os.Stat(path); name != "" && err == nil && info.Mode().IsRegular() {
			return path
		}
	}
	return name
}

// fileContext is that of config files, in which "serve" stands for weaver's own server.
func (c *call) fileContext() config.Context {
	cc := c.configContext()
	cc.Server = c.server()
	cc.Runs = c.runs()
	return cc
}

// runs tells where apps were started. The supervisor is asked when that is wanted first.
func (c *call) runs() func(name string) (string, bool) {
	where := sync.OnceValue(func() map[string]string {
		if up, err := c.daemonUp(); err != nil || !up {
			return nil // whoever needs the supervisor next says what is wrong with it
		}
		list, err := c.client.List(c.ctx, true, "")
		if err != nil {
			return nil
		}
		dirs := map[string]string{}
		for i := range list {
			if s := list[i].Spec; s != nil {
				dirs[list[i].Name] = s.Cwd
			}
		}
		return dirs
	})
	return func(name string) (string, bool) {
		cwd, ok := where()[name]
		return cwd, ok
	}
}
