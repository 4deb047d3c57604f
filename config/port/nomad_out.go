package port

import (
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"

	"weaver/app"
)

// nomad makes a job with a group of each app, run by raw_exec as they run here; what runs at set times has a job of its own,
// as a job is periodic as a whole.
func (w *writer) nomad(list []*product) {
	var rest []*product
	for _, p := range list {
		if p.job() {
			w.nomadJob(p.id, []*product{p})
			continue
		}
		if p.CronRestart != "" {
			w.say(p, "cron_restart: Nomad restarts nothing at set times")
		}
		rest = append(rest, p)
	}
	if len(rest) > 0 {
		name := "weaver"
		if len(rest) == 1 {
			name = rest[0].id
		}
		w.nomadJob(name, rest)
	}
}

// hcl writes blocks with their indent.
type hcl struct {
	lines
	depth int
}

func (h *hcl) line(format string, args ...any) {
	h.WriteString(strings.Repeat("  ", h.depth))
	h.put(format, args...)
}

func (h *hcl) open(format string, args ...any) {
	h.line(format+" {", args...)
	h.depth++
}

func (h *hcl) end() {
	h.depth--
	h.line("}")
}

func (w *writer) nomadJob(name string, list []*product) {
	h := &hcl{}
	h.line("# Made by weaver export nomad.")
	h.open("job %s", hclText(name))
	if list[0].job() {
		h.line(`type = "batch"`)
		h.open("periodic")
		h.line("crons = [%s]", hclText(list[0].CronRestart))
		h.line("prohibit_overlap = true")
		h.end()
	} else {
		h.line(`type = "service"`)
	}
	for _, p := range list {
		w.nomadGroup(h, name, p)
	}
	h.end()
	w.file(name+".nomad.hcl", []byte(h.String()))
}

func (w *writer) nomadGroup(h *hcl, job string, p *product) {
	h.WriteByte('\n')
	h.open("group %s", hclText(p.id))
	count := p.count
	if !app.IsTrue(p.AutoStart) {
		count = 0
		w.say(p, "autostart is off: count is 0")
	}
	h.line("count = %d", count)
	port := p.port()
	if port > 0 && !p.job() {
		h.open("network")
		h.open(`port "main"`)
		h.line("static = %d", port)
		h.end()
		h.end()
		if count > 1 {
			w.say(p, "%d instances with one port: Nomad puts them on machines of their own", count)
		}
	}
	w.nomadRestart(h, p)
	if port > 0 && !p.job() {
		w.nomadService(h, p)
	} else if p.alive() != nil || p.ready() != nil {
		w.say(p, "health: Nomad looks at services, and a service has a port: give the app one (port, or PORT in env)")
	}
	w.nomadTask(h, job, p)
	h.end()
	for _, d := range p.DependsOn {
		w.say(p, "depends_on: Nomad orders no groups: it has to wait for %s itself", d.Name)
	}
}

func (w *writer) nomadRestart(h *hcl, p *product) {
	h.open("restart")
	attempts := 16
	if p.MaxRestarts != nil {
		attempts = max(0, *p.MaxRestarts)
	}
	if !app.IsTrue(p.AutoRestart) {
		attempts = 0
	}
	delay := max(1, seconds(p.RestartDelay.D()))
	interval := max(60, int(min(int64(attempts+1)*int64(delay+1), 24*3600)))
	if p.RestartWindow > 0 {
		interval = max(5, seconds(p.RestartWindow.D()))
	}
	h.line("attempts = %d", attempts)
	h.line(`interval = "%ds"`, interval)
	h.line(`delay    = "%ds"`, delay)
	h.line(`mode     = "fail"`)
	h.end()
	if p.onFailure() && !p.job() {
		w.say(p, "stop_exit_codes: Nomad starts a service again whatever it ends with")
	}
}

func (w *writer) nomadService(h *hcl, p *product) {
	h.open("service")
	h.line("name     = %s", hclText(p.id))
	h.line(`port     = "main"`)
	h.line(`provider = "nomad"`)
	probe := p.alive()
	if probe == nil {
		probe = p.ready()
	}
	if probe != nil {
		kind, path := "", ""
		switch u, err := url.Parse(probe.URL); {
		case probe.Kind == app.ProbeHTTP && err == nil:
			kind, path = "http", orElse(u.RequestURI(), "/")
			if u.Port() != strconv.Itoa(p.port()) {
				w.say(p, "health: Nomad asks the app's own port %d", p.port())
			}
		case probe.Kind == app.ProbeTCP:
			kind = "tcp"
		default:
			w.say(p, "health by %s has no counterpart", probe.Kind)
		}
		if kind != "" {
			every, timeout := probe.Interval, probe.Timeout
			if every == 0 {
				every = app.ProbeInterval
			}
			if timeout == 0 {
				timeout = app.ProbeTimeout
			}
			h.open("check")
			h.line("type     = %s", hclText(kind))
			if path != "" {
				h.line("path     = %s", hclText(path))
			}
			h.line(`interval = "%ds"`, max(1, seconds(every.D())))
			h.line(`timeout  = "%ds"`, max(1, seconds(timeout.D())))
			h.end()
		}
	}
	h.end()
}

func (w *writer) nomadTask(h *hcl, job string, p *product) {
	h.open("task %s", hclText(p.id))
	h.line("# exec instead isolates the program, with a user and files of its own.")
	h.line(`driver = "raw_exec"`)
	if p.User != "" {
		h.line("user   = %s", hclText(p.User))
	}
	if p.Group != "" {
		w.say(p, "gid: Nomad takes the groups of the user")
	}
	argv := p.argv
	if p.Cwd != "" { // a task runs in a directory of Nomad's
		argv = append([]string{"/bin/sh", "-c", `cd "$0" && exec "$@"`, p.Cwd}, argv...)
	}
	h.open("config")
	h.line("command = %s", hclText(argv[0]))
	if len(argv) > 1 {
		list := make([]string, len(argv)-1)
		for i, word := range argv[1:] {
			list[i] = hclText(word)
		}
		h.line("args    = [%s]", strings.Join(list, ", "))
	}
	h.end()
	w.nomadEnv(h, job, p)
	h.line("kill_signal  = %s", hclText(p.killSignal()))
	h.line(`kill_timeout = "%dms"`, max(1, p.killTimeout().Milliseconds()))
	if n := w.memory(p); n > 0 || p.MaxCPU > 0 {
		h.open("resources")
		if n > 0 {
			h.line("memory = %d", max(10, (n+1<<20-1)>>20))
		}
		if p.MaxCPU > 0 {
			h.line("# weaver's limit is %g %% of one core; this reserves whole ones.", p.MaxCPU)
			h.line("cores = %d", max(1, int(math.Ceil(p.MaxCPU/100))))
			w.say(p, "max_cpu: Nomad reserves cores, and limits nothing with raw_exec")
		}
		h.end()
	}
	h.end()
	w.unlimited(p)
	if len(p.limits()) > 0 || p.MaxPIDs > 0 {
		w.say(p, "limits and max_pids have no counterpart")
	}
	if len(p.Listen) > 0 {
		w.say(p, "listen: its sockets are not handed to it: it has to open them itself")
	}
}

func (w *writer) nomadEnv(h *hcl, job string, p *product) {
	if len(p.env) > 0 {
		h.open("env =")
		for _, v := range p.env {
			h.line("%s = %s", hclText(v.Name), hclText(v.Value))
		}
		h.end()
	}
	if len(p.secrets) == 0 {
		return
	}
	path := "nomad/jobs/" + job + "/" + p.id // which its tasks may read, and those of other groups not
	h.open("template")
	h.line(`destination = "secrets/env"`)
	h.line("env         = true")
	var b strings.Builder
	for _, name := range p.secrets {
		fmt.Fprintf(&b, "%s={{ with nomadVar %q }}{{ index . %q | toJSON }}{{ end }}\n", name, path, name)
	}
	h.line("data        = %s", hclText(b.String()))
	h.end()
	w.say(p, "its secrets belong into Nomad's variables: nomad var put %s NAME=…", path)
}

// hclText is a text in quotes, in which nothing is replaced.
func hclText(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range strings.ToValidUTF8(s, "\ufffd") {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\t':
			b.WriteString(`\t`)
		case c == '\r':
			b.WriteString(`\r`)
		case c < ' ' || c == 0x7f:
			fmt.Fprintf(&b, `\u%04x`, c)
		default:
			b.WriteRune(c)
		}
	}
	b.WriteByte('"')
	return strings.ReplaceAll(strings.ReplaceAll(b.String(), "${", "$${"), "%{", "%%{")
}
