package cli

import (
	"os"
	"path/filepath"
	"strings"

	"weaver/config/home"
)

const simpleEcosystem = `module.exports = {
  apps : [{
    name   : "app1",
    script : "./app.js"
  }]
}
`

const fullEcosystem = `module.exports = {
  apps : [{
    name: "app1",
    script: "./app.js",

    // instances: "max",           // one for each CPU that may be used
    // watch: ["src"],             // restart when files change
    // max_memory_restart: "300M",
    // wait_ready: true,           // online once it has said process.send("ready")
    env: {
      NODE_ENV: "development"
    },
    env_production: {
      NODE_ENV: "production"
    }
  }],

  deploy : {
    production : {
      user : "SSH_USERNAME",
      host : "SSH_HOSTMACHINE",
      ref  : "origin/master",
      repo : "GIT_REPOSITORY",
      path : "DESTINATION_PATH",
      "pre-deploy-local": "",
      "post-deploy" : "npm install && PROGRAM startOrReload ecosystem.config.js --env production",
      "pre-setup": ""
    }
  }
};
`

// runEcosystem writes a config file to begin with. PM2 replaces what is there without a word; that takes --force here.
func runEcosystem(c *call) error {
	text := fullEcosystem
	if len(c.args) > 0 && c.args[0] == "simple" {
		text = simpleEcosystem
	}
	text = strings.ReplaceAll(text, "PROGRAM", program(c.env))
	path := filepath.Join(c.env.Cwd, defaultFile)
	if _, err := os.Lstat(path); err == nil && !c.bool("force") && c.env.Getenv("WEAVER_STRICT_PM2") != "1" {
		return c.cannot("--force replaces it", "write "+path, os.ErrExist)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return c.cannot("", "write "+path, err)
	}
	c.out.say("File " + path + " generated\n")
	return nil
}

// runPaid answers for the commands of PM2's paid service.
func runPaid(c *call) error {
	what := map[string]string{
		"link":     "weaver list --json, describe and monit show what pm2.io would",
		"plus":     "weaver list --json, describe and monit show what pm2.io would",
		"register": "weaver needs no account",
		"login":    "weaver needs no account",
		"open":     "weaver monit shows the processes in the terminal",
	}[c.cmd.name]
	switch {
	case what != "":
		c.out.say("[PM2 I/O] " + what + "\n")
		return nil
	case c.cmd.name == "logout":
		c.out.say("[PM2 I/O] Already disconnected\n")
		return nil
	case c.cmd.name == "unlink":
		c.out.say("[PM2 I/O] Permanently disable agent...\n[PM2 I/O] No interaction config file found\n")
		return nil
	}
	// monitor and unmonitor mark processes for the service; everything is measured here anyway.
	if c.cmd.name == "unmonitor" && len(c.args) == 0 {
		return pm2Error("", "Please specify an <app_name|pm_id>")
	}
	list, err := c.processes(false, nil)
	if err != nil {
		return err
	}
	c.render(list)
	return nil
}

// runExamples shows how it is used.
func runExamples(c *call) error {
	name := program(c.env)
	lines := []string{
		"[PM2] " + name + " usage examples:", "",
		"- Start and add a process to the list:", "", "  $ " + name + " start app.js --name app", "",
		"- Show the process list:", "", "  $ " + name + " ls", "",
		"- Stop and delete a process from the list:", "", "  $ " + name + " delete app", "",
		"- Stop, start and restart a process from the list:", "", "  $ " + name + " stop app", "  $ " + name + " start app", "  $ " + name + " restart app", "",
		"- Run an app on all CPU cores available:", "", "  $ " + name + " start app.js -i max", "",
	}
	if home.PersonaOf(c.env.Argv0) == home.Weaver {
		lines = append(lines, "- Take over the processes of a PM2 that runs:", "", "  $ weaver migrate", "")
	}
	for _, l := range lines {
		c.out.say(l + "\n")
	}
	return nil
}
