package port

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"time"

	"weaver/app"
)

// lines is a text that is made line by line.
type lines struct{ strings.Builder }

func (l *lines) put(format string, args ...any) { fmt.Fprintf(&l.Builder, format+"\n", args...) }

// systemd makes a unit of each app: a template where there are several instances, a timer where it has a schedule.
func (w *writer) systemd(list []*product) {
	units := map[string][]string{}
	for _, p := range list {
		if p.count == 1 {
			units[p.Name] = append(units[p.Name], p.id+".service")
			continue
		}
		for i := range p.count {
			units[p.Name] = append(units[p.Name], fmt.Sprintf("%s@%d.service", p.id, i+1))
		}
	}
	for _, p := range list {
		w.unit(p, units)
	}
}

func (p *product) unitName() string {
	if p.count > 1 {
		return p.id + "@"
	}
	return p.id
}

func (w *writer) unit(p *product, units map[string][]string) {
	var l lines
	name := p.unitName()
	l.put("# Made by weaver export systemd.")
	if p.count > 1 {
		l.put("# %d instances: systemctl enable --now %s{1..%d}", p.count, name, p.count)
		w.say(p, "%d instances are %s1 to %s%d: systemctl enable --now %s{1..%d}", p.count, name, name, p.count, name, p.count)
	}
	l.put("[Unit]")
	l.put("Description=%s", unitText(p.Name))
	l.put("After=network.target")
	w.unitOrder(p, &l, units)
	w.unitPatience(p, &l)
	l.put("\n[Service]")
	w.unitCommand(p, &l)
	w.unitLife(p, &l)
	w.unitLimits(p, &l)
	w.unitLogs(p, &l)
	if !p.job() {
		l.put("\n[Install]")
		l.put("WantedBy=multi-user.target")
	}
	w.file(name+".service", []byte(l.String()))
	w.timer(p)
	w.socket(p)
}

func (w *writer) unitOrder(p *product, l *lines, units map[string][]string) {
	for _, d := range p.DependsOn {
		all := strings.Join(units[d.Name], " ")
		if all == "" {
			w.say(p, "depends_on: %s is not among the apps: left out", d.Name)
			continue
		}
		l.put("After=%s", all)
		if d.Optional {
			l.put("Wants=%s", all)
		} else {
			l.put("Requires=%s", all)
		}
		if c := d.Wanted(); c == app.IsHealthy {
			w.say(p, "depends_on: systemd waits until %s is started, not until it is healthy", d.Name)
		}
	}
}

// unitPatience is when systemd gives up: after as many starts as weaver, within the time they take at least.
func (w *writer) unitPatience(p *product, l *lines) {
	if !app.IsTrue(p.AutoRestart) {
		return
	}
	burst := 16
	if p.MaxRestarts != nil {
		burst = *p.MaxRestarts
	}
	window := p.RestartWindow.D()
	if window == 0 {
		quick := time.Second
		if p.MinUptime != nil {
			quick = p.MinUptime.D()
		}
		window = time.Duration(min(float64(burst+1)*float64(quick+p.RestartDelay.D()+100*time.Millisecond), float64(24*time.Hour)))
	}
	if burst <= 0 || burst >= math.MaxInt32 {
		l.put("StartLimitIntervalSec=0")
		return
	}
	l.put("StartLimitBurst=%d", burst+1)
	l.put("StartLimitIntervalSec=%ds", max(1, seconds(window)))
}

func (w *writer) unitCommand(p *product, l *lines) {
	if ready := p.ready(); ready != nil && ready.Kind == app.ProbeNotify {
		l.put("Type=notify\nNotifyAccess=all")
		if ready.Within > 0 {
			l.put("TimeoutStartSec=%s", unitSpan(ready.Within.D()))
		}
	} else if p.job() {
		l.put("Type=oneshot")
	} else if ready != nil {
		w.say(p, "readiness by %s: systemd waits only for programs that say so by sd_notify", ready.Kind)
	}
	if alive := p.alive(); alive != nil && alive.Kind == app.ProbeHeartbeat {
		every := alive.Interval
		if every == 0 {
			every = app.ProbeInterval
		}
		l.put("WatchdogSec=%s", unitSpan(every.D()))
	} else if alive != nil {
		w.say(p, "liveness by %s: systemd does not look", alive.Kind)
	}
	argv := append([]string{p.program()}, p.argv[1:]...)
	if !filepath.IsAbs(argv[0]) {
		w.say(p, "%s is found in systemd's own path, if it is there", argv[0])
	}
	words := make([]string, len(argv))
	for i, word := range argv {
		words[i] = unitQuote(word, i > 0)
	}
	l.put("ExecStart=%s", strings.Join(words, " "))
	if p.Cwd != "" {
		l.put("WorkingDirectory=%s", unitText(p.Cwd))
	}
	if p.User != "" {
		l.put("User=%s", unitText(p.User))
	}
	if p.Group != "" {
		l.put("Group=%s", unitText(p.Group))
	}
	for _, v := range p.env {
		if strings.ContainsAny(v.Value, "\n\r") {
			w.say(p, "%s has several lines: systemd takes them by an escape", v.Name)
		}
		l.put("Environment=%s", unitQuote(v.Name+"="+v.Value, false))
	}
	if p.count > 1 {
		l.put("Environment=%s=%%i", orElse(p.InstanceVar, "NODE_APP_INSTANCE"))
	}
	if len(p.secrets) > 0 {
		file := "/etc/" + p.id + ".env"
		for _, name := range p.secrets {
			l.put("# %s is not written here: put %s=… into %s, mode 0600.", printable(name), printable(name), file)
		}
		l.put("EnvironmentFile=%s", file)
		w.say(p, "its secrets belong into %s, without which it does not start", file)
	}
}

func (w *writer) unitLife(p *product, l *lines) {
	var prevent []string
	for _, code := range p.StopExitCodes {
		if code != 0 {
			prevent = append(prevent, fmt.Sprint(code))
		}
	}
	switch {
	case !app.IsTrue(p.AutoRestart):
		l.put("Restart=no")
	case p.onFailure():
		l.put("Restart=on-failure")
	default:
		l.put("Restart=always")
	}
	if len(prevent) > 0 && app.IsTrue(p.AutoRestart) {
		l.put("RestartPreventExitStatus=%s", strings.Join(prevent, " "))
	}
	if p.RestartDelay > 0 {
		l.put("RestartSec=%s", unitSpan(p.RestartDelay.D()))
	}
	l.put("KillSignal=%s", p.killSignal())
	l.put("TimeoutStopSec=%s", unitSpan(max(p.killTimeout(), time.Millisecond)))
	if !app.IsTrue(p.TreeKill) {
		l.put("KillMode=process")
	}
}

func (w *writer) unitLimits(p *product, l *lines) {
	if p.Umask != nil {
		l.put("UMask=%04o", *p.Umask)
	}
	if p.Nice != nil {
		l.put("Nice=%d", *p.Nice)
	}
	switch {
	case p.MaxMemory > 0:
		l.put("MemoryMax=%d", int64(p.MaxMemory))
	case p.MaxMemoryRestart > 0:
		l.put("# weaver restarts it there in order; the kernel kills.\nMemoryMax=%d", int64(p.MaxMemoryRestart))
		w.say(p, "max_memory_restart: MemoryMax has the kernel kill it there, and systemd start it again")
	}
	if p.MaxCPU > 0 {
		l.put("CPUQuota=%d%%", max(1, int(math.Round(p.MaxCPU))))
	}
	if p.MaxPIDs > 0 {
		l.put("TasksMax=%d", p.MaxPIDs)
	}
	if p.IOWeight > 0 {
		l.put("IOWeight=%d", p.IOWeight)
	}
	for _, limit := range p.limits() {
		if limit.name == "oom_score_adj" {
			l.put("OOMScoreAdjust=%s", limit.value)
			continue
		}
		l.put("Limit%s=%s", strings.ToUpper(limit.name), limit.value)
	}
}

// rlimitValue is one resource limit in systemd's words.
type rlimitValue struct{ name, value string }

func (p *product) limits() []rlimitValue {
	if p.Limits == nil {
		return nil
	}
	var list []rlimitValue
	for _, f := range []struct {
		name string
		n    *uint64
	}{
		{"nofile", p.Limits.NoFile},
		{"nproc", p.Limits.NProc},
		{"core", p.Limits.Core},
		{"as", p.Limits.AddressRoom},
		{"stack", p.Limits.Stack},
		{"fsize", p.Limits.FSize},
		{"cpu", p.Limits.CPU},
		{"memlock", p.Limits.MemLock},
	} {
		switch {
		case f.n == nil:
		case *f.n == math.MaxUint64:
			list = append(list, rlimitValue{f.name, "infinity"})
		default:
			list = append(list, rlimitValue{f.name, fmt.Sprint(*f.n)})
		}
	}
	if p.Limits.OOMScoreAdj != nil {
		list = append(list, rlimitValue{"oom_score_adj", fmt.Sprint(*p.Limits.OOMScoreAdj)})
	}
	return list
}

func (w *writer) unitLogs(p *product, l *lines) {
	for _, f := range []struct{ key, path string }{{"StandardOutput", p.OutFile}, {"StandardError", p.ErrorFile}} {
		switch {
		case p.DisableLogs, f.path == "/dev/null":
			l.put("%s=null", f.key)
		case w.own(p, f.path) && !strings.HasPrefix(f.path, "/dev/"):
			l.put("%s=append:%s", f.key, unitText(f.path))
			w.say(p, "%s: nothing rotates %s: see logrotate(8)", f.key, f.path)
		}
	}
}

// unitText is a value that is not split into words.
func unitText(s string) string {
	s = strings.ReplaceAll(printable(s), "%", "%%")
	if strings.HasSuffix(s, `\`) {
		s += "/" // else the next line would be a part of it
	}
	return s
}

// unitQuote is a word of a list; in a command, $ means something too.
func unitQuote(s string, command bool) string {
	plainly := s != ""
	var b strings.Builder
	for _, c := range []byte(s) {
		switch {
		case c == '\\' || c == '"':
			b.WriteByte('\\')
			b.WriteByte(c)
			plainly = false
		case c == '\n':
			b.WriteString(`\n`)
			plainly = false
		case c == '\t':
			b.WriteString(`\t`)
			plainly = false
		case c < ' ' || c == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, c)
			plainly = false
		case c == '%':
			b.WriteString("%%")
		case c == '$' && command:
			b.WriteString("$$")
		default:
			b.WriteByte(c)
			if strings.IndexByte(" ';", c) >= 0 {
				plainly = false
			}
		}
	}
	if plainly {
		return b.String()
	}
	return `"` + b.String() + `"`
}

func unitSpan(d time.Duration) string {
	if d%time.Second == 0 {
		return fmt.Sprintf("%ds", d/time.Second)
	}
	return fmt.Sprintf("%dms", max(1, d.Milliseconds()))
}
