package cli

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// boilerplates are small apps to begin with.
var boilerplates = []struct {
	name, about string
	files       map[string]string
}{
	{"http", "an HTTP server", map[string]string{
		"app.js": `const http = require('http')

http.createServer((req, res) => res.end('hello from instance ' + (process.env.NODE_APP_INSTANCE || 0) + '\n'))
  .listen(process.env.PORT || 8080, () => process.send && process.send('ready'))
`,
		"ecosystem.config.js": `module.exports = {
  apps : [{
    name: "http",
    script: "./app.js",
    // instances: "max",
    env: { PORT: 8080 }
  }]
}
`,
	}},
	{"worker", "a worker that ends in order", map[string]string{
		"app.js": `const timer = setInterval(() => console.log('working'), 1000)

process.on('SIGINT', () => {
  clearInterval(timer)
  console.log('done')
})
`,
		"ecosystem.config.js": `module.exports = {
  apps : [{ name: "worker", script: "./app.js", kill_timeout: 5000 }]
}
`,
	}},
	{"cron", "a job that runs at set times", map[string]string{
		"job.js": `console.log('job at', new Date().toISOString())
`,
		"ecosystem.config.js": `module.exports = {
  apps : [{ name: "job", script: "./job.js", cron_restart: "*/5 * * * *", autorestart: false }]
}
`,
	}},
}

// runCreate makes a directory with a small app, and starts it.
func runCreate(c *call) error {
	kind := ""
	if len(c.args) > 0 {
		kind = c.args[0]
	}
	if kind == "" {
		var err error
		if kind, err = c.choose(); err != nil {
			return err
		}
	}
	i := slices.IndexFunc(boilerplates, func(b struct {
		name, about string
		files       map[string]string
	},
	) bool {
		return b.name == kind
	})
	if i < 0 {
		return &usageError{fmt.Sprintf("unknown boilerplate `%s'", kind), program(c.env) + " create http|worker|cron [DIR]"}
	}
	dir := c.abs(kind)
	if len(c.args) > 1 {
		dir = c.abs(c.args[1])
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return c.cannot("name another directory", "make "+dir, err)
	}
	for name, text := range boilerplates[i].files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return c.cannot("", "write "+name, err)
		}
	}
	c.out.say("Project successfully created in " + dir + "\n")
	c.env.Cwd = dir
	return c.after(c.startFile(defaultFile, "restart"))
}

// choose asks which one.
func (c *call) choose() (string, error) {
	for _, b := range boilerplates {
		c.out.say(fmt.Sprintf("  %-8s %s\n", b.name, b.about))
	}
	c.out.say("Which one? ")
	line, err := bufio.NewReader(c.env.Stdin).ReadString('\n')
	word := strings.TrimSpace(line)
	if word == "" {
		return "", &usageError{"missing required argument `boilerplate'", program(c.env) + " create http|worker|cron [DIR]"}
	}
	if err != nil && word == "" {
		return "", err
	}
	return word, nil
}
