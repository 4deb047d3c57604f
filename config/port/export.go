package port

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"weaver/app"
)

// Item is an app that is to be described to another supervisor, and how many of it there are.
type Item struct {
	Spec  app.Spec
	Count int
}

// Options are about what is written.
type Options struct {
	ShowSecrets bool
	Home        string // of the supervisor: log files in it are its own
}

// File is one file that was made.
type File struct {
	Name string
	Data []byte
}

// Targets are the names of what can be written.
func Targets() []string { return []string{"systemd", "compose", "k8s", "nomad"} }

// Write describes apps in the words of another supervisor.
func Write(o Options, format string, items []Item) ([]File, []Note, error) {
	w := &writer{Options: o}
	write, ok := map[string]func(*writer, []*product){
		"systemd": (*writer).systemd, "compose": (*writer).compose, "k8s": (*writer).k8s, "nomad": (*writer).nomad,
	}[format]
	if !ok {
		return nil, nil, fmt.Errorf("unknown format %q", format)
	}
	var list []*product
	taken := map[string]bool{}
	for i := range items {
		p := w.product(&items[i])
		for base, n := p.id, 2; taken[p.id]; n++ {
			p.id = base + "-" + strconv.Itoa(n)
		}
		taken[p.id] = true
		if p.id != p.Name {
			w.say(p, "is called %s: the name may hold small letters, digits and dashes only", p.id)
		}
		list = append(list, p)
	}
	write(w, list)
	return w.files, w.notes, nil
}

type writer struct {
	Options
	files []File
	notes []Note
}

func (w *writer) say(p *product, format string, args ...any) {
	w.notes = append(w.notes, Note{App: p.Name, Text: fmt.Sprintf(format, args...)})
}

func (w *writer) file(name string, data []byte) { w.files = append(w.files, File{name, data}) }

// product is one app on its way out.
type product struct {
	*app.Spec
	id    string // its name where letters are few
	count int
	argv  []string
	// env is what the app is given; secrets are the names of those variables whose values are not written.
	env     []app.Var
	secrets []string
}

func (w *writer) product(i *Item) *product {
	p := &product{Spec: &i.Spec, id: dnsName(i.Spec.Name), count: max(1, i.Count)}
	if p.Interpreter != "" && p.Interpreter != "none" {
		p.argv = append([]string{p.Interpreter}, p.InterpreterArgs...)
	}
	p.argv = append(append(p.argv, p.Script), p.Args...)
	for _, v := range p.Env {
		if !w.ShowSecrets && v.Value != "" && (app.HoldsSecret(v.Name, v.Value) || strings.HasPrefix(v.Value, "secret://")) {
			p.secrets = append(p.secrets, v.Name)
			continue
		}
		p.env = append(p.env, v)
	}
	for _, word := range p.argv {
		if !w.ShowSecrets && app.Redact(word) != word {
			w.say(p, "its command line seems to hold a secret, which is written as it is")
			break
		}
	}
	if len(p.secrets) > 0 {
		w.say(p, "values that look secret are not written: %s", strings.Join(p.secrets, ", "))
	}
	w.common(p)
	return p
}

// common notes what no other supervisor has words for.
func (w *writer) common(p *product) {
	watch := string(p.Watch)
	for _, f := range []struct {
		given bool
		text  string
	}{
		{watch != "" && watch != "false" && watch != "null", "watch: nothing restarts it when files change"},
		{p.Mode == app.Cluster, "cluster mode: its instances share their ports only under weaver: each needs a port, or SO_REUSEPORT"},
		{p.ShutdownWithMessage, "shutdown_with_message: it gets a signal"},
		{p.WaitReady, "wait_ready: process.send('ready') is for weaver and PM2: it counts as up as soon as it runs"},
		{p.ExpBackoff > 0 || p.RestartBackoff != "", "restarts come at one pace: growing delays have no counterpart"},
		{p.Data != nil, "db: nothing looks after its data file"},
		{p.Warm > 0, "warm: there are no spare workers"},
		{p.PortCheck || p.AutoPort, "port_check: nothing looks whether its port is free"},
		{p.Idle > 0, "idle: it is not ended when nobody is connected"},
		{p.IncrementVar != "", "increment_var: its instances get the same value"},
		{p.LogDateFormat != "" || p.LogType == app.JSON, "its log lines are as it writes them, without weaver's time or format"},
		{p.Health != nil && p.Health.Startup != nil && p.Health.Startup.Kind == app.ProbeFD, "readiness by a descriptor has no counterpart"},
	} {
		if f.given {
			w.say(p, "%s", f.text)
		}
	}
}

// own reports a log file that somebody chose.
func (w *writer) own(p *product, path string) bool {
	if path == "" || strings.HasPrefix(path, filepath.Clean(w.Home)+"/") {
		return false
	}
	dir, name := filepath.Split(path) // in another home, perhaps PM2's
	return filepath.Base(dir) != "logs" || !strings.HasPrefix(name, p.Name+"-out") && !strings.HasPrefix(name, p.Name+"-error")
}

// program is what runs, found as the app would find it.
func (p *product) program() string {
	path, _ := p.Env.Get("PATH")
	if strings.ContainsRune(p.argv[0], '/') {
		return p.argv[0]
	}
	for _, dir := range filepath.SplitList(path) {
		file := filepath.Join(dir, p.argv[0])
		if info, err := os.Stat(file); err == nil && filepath.IsAbs(file) && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return file
		}
	}
	return p.argv[0]
}

// job reports an app that does something at set times and ends.
func (p *product) job() bool { return p.CronRestart != "" && !app.IsTrue(p.AutoRestart) }

func (p *product) killTimeout() time.Duration {
	if p.KillTimeout != nil {
		return p.KillTimeout.D()
	}
	return 1600 * time.Millisecond
}

func (p *product) killSignal() string { return orElse(p.KillSignal, "SIGINT") }

// onFailure reports that it is not restarted when it ends well.
func (p *product) onFailure() bool { return slices.Contains(p.StopExitCodes, 0) }

// ready and alive are the probes, nil without one.
func (p *product) ready() *app.Probe {
	if p.Health == nil {
		return nil
	}
	if p.Health.Readiness == nil {
		return p.Health.Startup
	}
	return p.Health.Readiness
}

func (p *product) alive() *app.Probe {
	if p.Health == nil {
		return nil
	}
	return p.Health.Liveness
}

// port is where the app can be reached, 0 if that is not known.
func (p *product) port() int {
	if p.Port != nil && *p.Port > 0 {
		return *p.Port
	}
	if v, ok := p.Env.Get("PORT"); ok {
		if n, err := strconv.Atoi(v); err == nil && n > 0 && n < 65536 {
			return n
		}
	}
	for _, text := range p.Listen {
		if l, err := app.ParseListen(text); err == nil && l.Port > 0 {
			return l.Port
		}
	}
	return 0
}

// seconds are whole ones, rounded up.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// dnsName is a name by RFC 1123, which units, containers and jobs may all have.
func dnsName(s string) string {
	var b strings.Builder
	for _, c := range strings.ToLower(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			b.WriteRune(c)
		default:
			b.WriteByte('-')
		}
	}
	name := strings.Trim(b.String(), "-")
	if len(name) > 50 {
		name = strings.Trim(name[:50], "-")
	}
	return orElse(name, "app")
}
