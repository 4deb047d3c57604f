package cli

import (
	"os"
	"path/filepath"
	"strconv"

	"weaver/api"
	"weaver/app"
	"weaver/cli/serve"
	"weaver/config"
)

func serveFlags() []flag {
	return []flag{
		{name: "port", arity: maybe, meta: "N", help: "port to listen on (8080)"},
		{name: "host", arity: one, meta: "ADDRESS", help: "address to listen on (all)"},
		{name: "spa", help: "answer with the home page what is not there"},
		{name: "ftp", help: "list directories"},
		{name: "basic-auth-username", arity: maybe, meta: "NAME", help: "ask for a user name and password"},
		{name: "basic-auth-password", arity: maybe, meta: "PASSWORD", help: "the password"},
		{name: "monitor", arity: maybe, help: "accepted for PM2"},
	}
}

// runServe starts a service that serves the files of a directory.
func runServe(c *call) error {
	if err := c.findHome(); err != nil {
		return err
	}
	dir, port := ".", "8080"
	for _, a := range c.args { // PM2 takes a number alone for the port
		if _, err := strconv.Atoi(a); err == nil {
			port = a
		} else {
			dir = a
		}
	}
	port = first(c.env.Getenv("PM2_SERVE_PORT"), c.lastWord("port"), port) // the environment counts most, as with PM2: images are told by it
	dir = first(c.env.Getenv("PM2_SERVE_PATH"), dir)
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return pm2Error("", "port %s is none", port)
	}
	dir = c.abs(dir)
	vars := app.Env{}
	vars.Set("PM2_SERVE_PORT", port)
	vars.Set("PM2_SERVE_PATH", dir)
	for name, on := range map[string]bool{"PM2_SERVE_SPA": c.bool("spa"), "PM2_SERVE_FTP": c.bool("ftp")} {
		if on {
			vars.Set(name, "true")
		}
	}
	if host := c.str("host"); host != "" {
		vars.Set("PM2_SERVE_HOST", host)
	}
	if user, password := c.lastWord("basic-auth-username"), c.lastWord("basic-auth-password"); user != "" || password != "" {
		if user == "" || password == "" {
			return &usageError{"basic authentication needs both --basic-auth-username and --basic-auth-password", ""}
		}
		vars.Set("PM2_SERVE_BASIC_AUTH", "true")
		vars.Set("PM2_SERVE_BASIC_AUTH_USERNAME", user)
		vars.Set("PM2_SERVE_BASIC_AUTH_PASSWORD", password)
	}
	flags := c.appFlags()
	flags.Port = ""
	if flags.Name == "" {
		flags.Name = "static-page-server-" + port
	}
	if flags.Cwd == "" {
		flags.Cwd = dir
	}
	spec, problems, err := config.FromArgs(c.fileContext(), config.Serve, flags, nil)
	c.problems(problems)
	if err != nil {
		return c.configError(err)
	}
	spec.Env.Merge(vars)
	exists := app.Refuse
	if flags.Force {
		exists = app.Duplicate
	}
	if err := c.startSpecs(api.StartRequest{Specs: []app.Spec{spec}, IfExists: exists}); err != nil {
		return c.after(err)
	}
	c.out.talk("Serving %s on port %s", dir, port)
	return c.after(nil)
}

// runStaticServer is the service itself.
func runStaticServer(c *call) error {
	o, err := serve.FromEnv(c.env.Getenv)
	if err != nil {
		return c.cannot("", "serve", err)
	}
	if err := serve.Run(c.ctx, o, c.out.note); err != nil {
		return c.cannot("", "serve "+o.Dir, err)
	}
	return nil
}

// server is the program that a service of static files runs: weaverd, by its own path.
func (c *call) server() string {
	if path, err := filepath.EvalSymlinks(c.env.SelfPath); err == nil {
		return path
	}
	return first(c.env.SelfPath, os.Args[0])
}
