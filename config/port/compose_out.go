package port

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"weaver/app"
)

// compose makes one file with a service of each app. Images are for people to fill in: weaver knows of none.
func (w *writer) compose(list []*product) {
	ids := map[string]*product{}
	for _, p := range list {
		ids[p.Name] = p
	}
	services := tree{}
	for _, p := range list {
		services.set(p.id, w.composeService(p, ids))
	}
	doc := tree{{key: "services", val: services, comment: "Made by weaver export compose. Each image is a placeholder: put in one that holds the program."}}
	w.file("compose.yaml", appendYAML(nil, doc, 0))
}

// image notes, for every app, that there is none.
func (w *writer) image(p *product) string {
	w.say(p, "image: %s:latest is a placeholder: name one that holds the program at %s", p.id, p.Script)
	return p.id + ":latest"
}

func (w *writer) composeService(p *product, ids map[string]*product) tree {
	var t tree
	t = append(t, pair{key: "image", val: w.image(p), comment: "a placeholder: an image that holds " + p.Script})
	t.set("entrypoint", words(dollars(p.argv[:1])))
	t.fill("command", words(dollars(p.argv[1:])))
	t.fill("working_dir", dollar(p.Cwd))
	t.fill("user", p.account())
	env := tree{}
	for _, v := range p.env {
		if v.Name != "PATH" { // the image has one of its own
			env.set(v.Name, dollar(v.Value))
		}
	}
	for _, name := range p.secrets {
		env.set(name, "${"+name+":?is a secret}")
	}
	t.fill("environment", env)
	if port := p.port(); port > 0 {
		t.set("ports", []any{fmt.Sprintf("%d:%d", port, port)})
	}
	t.set("restart", p.composeRestart())
	t.fill("depends_on", w.composeDepends(p, ids))
	t.fill("healthcheck", w.composeHealth(p))
	t.set("stop_signal", p.killSignal())
	t.set("stop_grace_period", composeSpan(p.killTimeout()))
	t.fill("deploy", w.composeDeploy(p))
	limits := tree{}
	for _, l := range p.limits() {
		switch n, err := strconv.Atoi(l.value); {
		case l.name == "oom_score_adj":
			t.set("oom_score_adj", n)
		case err != nil:
			limits.set(l.name, -1)
		default:
			limits.set(l.name, n)
		}
	}
	t.fill("ulimits", limits)
	t.set("init", true)
	if !app.IsTrue(p.AutoStart) {
		t.set("profiles", []any{"manual"})
	}
	if p.CronRestart != "" {
		w.say(p, "cron_restart: compose has no schedule")
	}
	if len(p.Listen) > 0 {
		w.say(p, "listen: its sockets are not handed to it: it has to open them itself")
	}
	w.unlimited(p)
	return t
}

// unlimited notes what containers have no words for.
func (w *writer) unlimited(p *product) {
	if p.Nice != nil {
		w.say(p, "nice has no counterpart")
	}
	if p.Umask != nil {
		w.say(p, "umask has no counterpart")
	}
	if p.IOWeight > 0 {
		w.say(p, "io_weight has no counterpart")
	}
	if w.own(p, p.OutFile) || w.own(p, p.ErrorFile) {
		w.say(p, "out_file, error_file: what it writes goes to the log of its container")
	}
}

func (p *product) account() string {
	if p.Group != "" {
		return orElse(p.User, "0") + ":" + p.Group
	}
	return p.User
}

func (p *product) composeRestart() string {
	switch {
	case !app.IsTrue(p.AutoRestart):
		return "no"
	case p.onFailure() && p.MaxRestarts != nil && *p.MaxRestarts > 0:
		return fmt.Sprintf("on-failure:%d", *p.MaxRestarts)
	case p.onFailure():
		return "on-failure"
	}
	return "unless-stopped"
}

func (w *writer) composeDepends(p *product, ids map[string]*product) tree {
	depends := tree{}
	for _, d := range p.DependsOn {
		on, ok := ids[d.Name]
		if !ok {
			w.say(p, "depends_on: %s is not among the apps: left out", d.Name)
			continue
		}
		condition := "service_started"
		switch d.Wanted() {
		case app.IsCompleted:
			condition = "service_completed_successfully"
		case app.IsHealthy, app.IsReady:
			if w.composeTest(on) != "" {
				condition = "service_healthy"
			}
		}
		t := tree{{key: "condition", val: condition}}
		if d.Optional {
			t.set("required", false)
		}
		depends.set(on.id, t)
	}
	return depends
}

// composeTest is a command that tells an app's health, "" where there is none.
func (w *writer) composeTest(p *product) string {
	probe := p.alive()
	if probe == nil {
		probe = p.ready()
	}
	if probe == nil {
		return ""
	}
	switch probe.Kind {
	case app.ProbeExec:
		return probe.Command
	case app.ProbeHTTP:
		return "curl -fsS -o /dev/null " + shellQuote([]string{probe.URL})
	case app.ProbeTCP:
		return fmt.Sprintf("nc -z %s %d", shellQuote([]string{orElse(probe.Host, "127.0.0.1")}), probe.Port)
	case app.ProbeFile:
		return "test -e " + shellQuote([]string{probe.Path})
	}
	return ""
}

func (w *writer) composeHealth(p *product) tree {
	probe := p.alive()
	if probe == nil {
		probe = p.ready()
	}
	test := w.composeTest(p)
	switch {
	case probe == nil:
		return nil
	case test == "":
		w.say(p, "health by %s has no counterpart", probe.Kind)
		return nil
	case probe.Kind == app.ProbeHTTP:
		w.say(p, "healthcheck: the image needs curl")
	case probe.Kind == app.ProbeTCP:
		w.say(p, "healthcheck: the image needs nc")
	}
	t := tree{{key: "test", val: []any{"CMD-SHELL", dollar(test)}}}
	every, timeout, failures := probe.Interval, probe.Timeout, probe.Failures
	if every == 0 {
		every = app.ProbeInterval
	}
	if timeout == 0 {
		timeout = app.ProbeTimeout
	}
	if failures == 0 {
		failures = app.ProbeFailures
	}
	t.set("interval", composeSpan(every.D()))
	t.set("timeout", composeSpan(timeout.D()))
	t.set("retries", failures)
	if probe.Delay > 0 {
		t.set("start_period", composeSpan(probe.Delay.D()))
	}
	if p.alive() != nil && !(len(probe.Actions) == 1 && probe.Actions[0] == "none") {
		w.say(p, "liveness: compose shows what is unhealthy, and restarts nothing")
	}
	return t
}

func (w *writer) composeDeploy(p *product) tree {
	var t tree
	if p.count > 1 {
		t.set("replicas", p.count)
		if p.port() > 0 {
			w.say(p, "%d replicas cannot have one port of the machine: take the ports away, or put a proxy before them", p.count)
		}
	}
	limits := tree{}
	if p.MaxCPU > 0 {
		limits.set("cpus", strconv.FormatFloat(p.MaxCPU/100, 'f', 2, 64))
	}
	if n := w.memory(p); n > 0 {
		limits.set("memory", bytesText(n))
	}
	if p.MaxPIDs > 0 {
		limits.set("pids", p.MaxPIDs)
	}
	if len(limits) > 0 {
		t.set("resources", tree{{key: "limits", val: limits}})
	}
	return t
}

// memory is the ceiling, or what comes nearest to one.
func (w *writer) memory(p *product) int64 {
	if p.MaxMemory == 0 && p.MaxMemoryRestart > 0 {
		w.say(p, "max_memory_restart: it is killed there, and started again")
		return int64(p.MaxMemoryRestart)
	}
	return int64(p.MaxMemory)
}

// dollar keeps compose from replacing what looks like a variable.
func dollar(s string) string { return strings.ReplaceAll(s, "$", "$$") }

func dollars(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = dollar(s)
	}
	return out
}

func composeSpan(d time.Duration) string {
	if d%time.Second == 0 {
		return fmt.Sprintf("%ds", d/time.Second)
	}
	return fmt.Sprintf("%dms", d.Milliseconds())
}
