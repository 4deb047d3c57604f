// Package config turns what users write, files and flags, into app.Spec values.
//
// It runs in the process that the user typed, with that user's directory and environment, and gives Specs that are
// absolute and validated: whoever reads them needs neither. What is written wrongly is an *Invalid that lists
// everything; what is right but cannot run here (a missing script) fails its own app only.
package config

import (
	"io"
	"path/filepath"

	"weaver/app"
	"weaver/config/home"
)

// Context is where and for whom something is configured.
type Context struct {
	Cwd  string  // absolute
	Env  app.Env // the caller's
	Home home.Home
	Node func() string // path of node, or ""; nil looks it up in Env's PATH
	// Engine is the path of weaver-js, which reads JavaScript configs where there is no node; "" is none.
	Engine string
	Stdin  io.Reader
	CPUs   func() int // nil is CPUs
	// Talk receives what a config file prints while it is evaluated; nil drops it.
	Talk io.Writer
	// Server is the program that serves static files, which the script "serve" of a config file stands for; "" is none.
	Server string
	// Runs tells where an app of that name was started, if it is known already; nil knows none.
	Runs func(name string) (cwd string, ok bool)
	// Argv is the command line that reads config files, which find it in
	// process.argv, as with PM2: the path of the program, and its words.
	Argv []string
	// Runtime says that the apps run below pm2-runtime, which marks them in its own way.
	Runtime bool
	// Silent says that nothing is to be said, which PM2 marks the environment with, too.
	Silent bool
	// Strict copies also those rules of PM2 that are plainly mistakes (WEAVER_STRICT_PM2=1).
	Strict bool
}

func (c Context) node() string {
	if c.Node != nil {
		return c.Node()
	}
	path, _ := c.look("node", c.Cwd)
	return path
}

func (c Context) cpus() int {
	if c.CPUs != nil {
		return max(1, c.CPUs())
	}
	return CPUs()
}

func (c Context) talk(text []byte) {
	if c.Talk != nil && len(text) > 0 {
		_, _ = c.Talk.Write(text) // what a config prints is a courtesy
	}
}

// abs makes path absolute, from dir.
func (c Context) abs(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}
