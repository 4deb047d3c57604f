package pm2

import (
	"strconv"
	"strings"
	"time"

	"weaver/app"
)

// Row is one line of a description: what it is called and what it says.
type Row struct{ Name, Text string }

// DescribeOptions says how a process is described.
type DescribeOptions struct {
	// Width is that of the terminal in columns; longer texts are wrapped. 0 wraps nothing.
	Width   int
	Color   bool
	Unicode bool
	Now     time.Time // what uptimes are counted to; zero is the present
	// Extra are rows of the caller's below weaver's own (ports, locks, …).
	Extra []Row
	// Recent are events of this process, the oldest first.
	Recent []app.Event
	// Local is the environment of who asks: variables in which the process's differs from it are listed.
	Local app.Env
	// ShowSecrets shows values of variables whose names look secret, too.
	ShowSecrets bool
	// Program is what the user calls weaver, for the hints; "pm2" when empty.
	Program string
}

// AppendDescribe appends what `describe` prints: PM2's rows in PM2's order, then what only weaver knows.
func AppendDescribe(dst []byte, p *app.Process, o DescribeOptions) []byte {
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	d := description{DescribeOptions: o, t: table{TableOptions: TableOptions{Color: o.Color, Unicode: o.Unicode}}}
	title := append([]byte(nil), " Describing process with id "...)
	title = append(strconv.AppendInt(title, int64(p.ID), 10), " - name "...)
	dst = d.appendTitle(dst, string(title)+p.Name+" ")
	dst = d.appendRows(dst, append(d.rows(p), d.ownRows(p)...))
	if len(o.Recent) > 0 {
		dst = d.appendTitle(dst, " Recent events ")
		dst = d.appendRows(dst, eventRows(o.Recent))
	}
	program := o.Program
	if program == "" {
		program = "pm2"
	}
	dst = d.appendReported(dst, p, program)
	dst = d.appendTitle(dst, " Divergent env variables from local env ")
	if rows := divergent(specOf(p).Env, o.Local, o.ShowSecrets); len(rows) > 0 {
		dst = d.appendRows(dst, rows)
	}
	dst = append(dst, '\n')
	if program == "pm2" {
		dst = d.appendHint(dst, " Add your own code metrics: http://bit.ly/code-metrics")
	}
	dst = d.appendHint(dst, " Use `"+program+" logs "+p.Name+" [--lines 1000]` to display logs")
	dst = d.appendHint(dst, " Use `"+program+" env "+p.ID.String()+"` to display environment variables")
	return d.appendHint(dst, " Use `"+program+" monit` to monitor CPU and Memory usage "+p.Name)
}

type description struct {
	DescribeOptions
	t table
}

// styled is a Row with a colour.
type styled struct {
	Row
	color color
}

func (d *description) rows(p *app.Process) []styled {
	s := specOf(p)
	var rows []styled
	add := func(name, text string) {
		if text == "" {
			text = notAvailable
		}
		rows = append(rows, styled{Row{name, text}, none})
	}
	rows = append(rows, styled{Row{"status", string(p.Status)}, statusColor(p.Status)})
	add("name", p.Name)
	add("namespace", namespace(p, s))
	add("version", versionOf(p))
	add("restarts", strconv.Itoa(p.Restarts))
	if s.MaxMemoryRestart != 0 {
		add("max memory restart", strconv.FormatInt(int64(s.MaxMemoryRestart), 10))
	}
	if s.CronRestart != "" {
		add("cron restart", s.CronRestart)
	}
	add("uptime", string(appendUptimeOf(nil, p, d.Now)))
	if path := instancePath(p.LogPath, s.LogFile, p, s); path != "" {
		add("entire log path", path)
	}
	add("script path", s.Script)
	add("script args", strings.Join(s.Args, " "))
	add("error log path", instancePath(p.ErrorPath, s.ErrorFile, p, s))
	add("out log path", instancePath(p.OutPath, s.OutFile, p, s))
	add("pid path", p.PIDPath)
	add("interpreter", s.Interpreter)
	add("interpreter args", strings.Join(s.InterpreterArgs, " "))
	add("script id", p.ID.String())
	add("exec cwd", s.Cwd)
	add("exec mode", string(mode(p, s)))
	add("node.js version", nodeVersion(p))
	nodeEnv, _ := s.Env.Get("NODE_ENV")
	add("node env", nodeEnv)
	watch := styled{Row{"watch & reload", "✘"}, none}
	if !d.Unicode {
		watch.Text = "no"
	}
	if p.Watching {
		watch.Text, watch.color = "✔", green
		if !d.Unicode {
			watch.Text = "yes"
		}
	}
	rows = append(rows, watch)
	add("unstable restarts", strconv.Itoa(p.Unstable))
	created := ""
	if !p.Created.IsZero() {
		created = isoTime(p.Created)
	}
	add("created at", created)
	return rows
}

// ownRows are what PM2 does not know: only those that have something to say.
func (d *description) ownRows(p *app.Process) []styled {
	var rows []styled
	add := func(name, text string, c color) {
		if text != "" {
			rows = append(rows, styled{Row{name, text}, c})
		}
	}
	add("reason", p.Reason, yellow)
	if p.Exit != nil {
		add("last exit", exitText(p.Exit), none)
	}
	if p.Spec != nil && len(p.Spec.DependsOn) > 0 {
		on := make([]string, len(p.Spec.DependsOn))
		for i, d := range p.Spec.DependsOn {
			on[i] = d.Name + " (" + string(d.Wanted()) + ")"
		}
		add("depends on", strings.Join(on, ", "), none)
	}
	if p.Spec != nil && p.Spec.Idle > 0 && len(p.Spec.Listen) > 0 {
		add("on demand", "by "+strings.Join(p.Spec.Listen, ", ")+", until nobody is connected for "+p.Spec.Idle.D().String(), none)
	}
	if !p.RestartAt.IsZero() {
		add("restart due", "in "+max(p.RestartAt.Sub(d.Now), 0).Round(time.Millisecond).String(), yellow)
	}
	if p.Gen > 0 {
		add("starts", strconv.FormatUint(p.Gen, 10), none)
	}
	if h := p.Health; h != nil {
		switch {
		case h.Healthy:
			add("health", "healthy", green)
		default:
			add("health", "unhealthy: "+h.Cause, red)
		}
	}
	add("membership", p.Membership, none)
	for i := range p.Ceilings {
		c, color := &p.Ceilings[i], none
		if c.By == "" {
			color = red
		}
		add(c.What+" ceiling", c.String(), color)
	}
	if p.Usage.Procs > 0 {
		tree := strconv.Itoa(p.Usage.Procs) + " processes"
		if p.Usage.Procs == 1 {
			tree = "1 process"
		}
		if p.Usage.Threads > 0 {
			tree += ", " + strconv.Itoa(p.Usage.Threads) + " threads"
		}
		add("tree", tree+", "+Memory(p.Usage.Memory)+", "+CPU(p.Usage.CPU), none)
	}
	for _, r := range d.Extra {
		add(r.Name, r.Text, none)
	}
	return rows
}

func exitText(e *app.Exit) string {
	text := "code " + strconv.Itoa(e.Code)
	switch {
	case e.Err != "":
		text = e.Err
	case e.Signal != "":
		text = e.Signal
	}
	if e.OOM {
		text += ", out of memory"
	}
	if e.Core {
		text += ", core dumped"
	}
	if !e.At.IsZero() {
		text += ", " + isoTime(e.At)
	}
	return text
}

// isoTime is Date.prototype.toISOString.
func isoTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func eventRows(events []app.Event) []styled {
	rows := make([]styled, len(events))
	for i, e := range events {
		text := string(e.Kind)
		if e.Exit != nil {
			text += ", " + exitText(&app.Exit{Code: e.Exit.Code, Signal: e.Exit.Signal, Err: e.Exit.Err, OOM: e.Exit.OOM, Core: e.Exit.Core})
		}
		if e.Delay > 0 {
			text += ", after " + e.Delay.String()
		}
		if e.Message != "" {
			text += ": " + e.Message
		}
		rows[i] = styled{Row{isoTime(e.At), text}, none}
	}
	return rows
}

// divergent lists the variables that both environments have, with different values.
func divergent(env, local app.Env, secrets bool) []styled {
	if len(local) == 0 {
		return nil
	}
	here := make(map[string]string, len(local))
	for _, v := range local {
		here[v.Name] = v.Value
	}
	var rows []styled
	for _, v := range env {
		if value, ok := here[v.Name]; ok && value != v.Value {
			value = v.Value
			if !secrets {
				value = app.RedactValue(v.Name, value)
			}
			rows = append(rows, styled{Row{v.Name, value}, none})
		}
	}
	return rows
}

// appendTitle writes a heading, cut to the terminal.
func (d *description) appendTitle(dst []byte, s string) []byte {
	dst = d.t.paint(dst, inverse)
	dst, _ = appendText(dst, s, d.room(0), d.Unicode)
	dst = d.t.unpaint(dst, inverse)
	return append(dst, '\n')
}

func (d *description) appendHint(dst []byte, s string) []byte {
	dst = d.t.paint(dst, dim)
	dst, _ = appendText(dst, s, d.room(0), d.Unicode)
	dst = d.t.unpaint(dst, dim)
	return append(dst, '\n')
}

// room is the width that is left beside taken columns.
func (d *description) room(taken int) int {
	if d.Width <= 0 {
		return 1 << 30
	}
	return max(d.Width-taken, 0)
}

// appendRows draws a table of two columns.
func (d *description) appendRows(dst []byte, rows []styled) []byte {
	names, texts := 0, 0
	for _, r := range rows {
		names, texts = max(names, textWidth(r.Name)), max(texts, textWidth(r.Text))
	}
	const frame = 3 + 4 // borders and blanks
	names = min(names, max(d.room(frame)*2/3, 1))
	texts = min(texts, d.room(frame+names))
	if texts < 1 {
		return d.appendNarrow(dst, rows)
	}
	d.t.columns = []column{{width: names + 2}, {width: texts + 2}}
	dst = d.t.appendBorder(dst, 0)
	for _, r := range rows {
		name, rest := r.Name, r.Text
		for first := true; first || rest != ""; first = false {
			line, after := wrap(rest, texts)
			dst = d.t.appendBar(dst)
			dst = d.t.appendCell(dst, name, names+2, heading)
			dst = d.t.appendBar(dst)
			dst = d.t.appendCell(dst, line, texts+2, r.color)
			dst = append(d.t.appendBar(dst), '\n')
			name, rest = "", after
		}
	}
	return d.t.appendBorder(dst, 2)
}

// appendNarrow is for terminals in which a table has no room.
func (d *description) appendNarrow(dst []byte, rows []styled) []byte {
	for _, r := range rows {
		dst, _ = appendText(dst, r.Name+": "+r.Text, d.room(0), d.Unicode)
		dst = append(dst, '\n')
	}
	return dst
}

// wrap takes the part of s that fits into room columns off it: to the last blank in the second half of the line, or in
// the middle of a word that is too long. Newlines end a line.
func wrap(s string, room int) (line, rest string) {
	used, blank := 0, -1
	for i, r := range s {
		if r == '\n' {
			return s[:i], s[i+1:]
		}
		_, w := shown(r)
		if used+w > room {
			switch {
			case r == ' ':
				return s[:i], s[i+1:]
			case blank > i/2:
				return s[:blank], s[blank+1:]
			case i > 0:
				return s[:i], s[i:]
			}
			// Not even one character fits: its place is kept by an ellipsis.
			size := len(string(r))
			return s[:size], s[size:]
		}
		if used += w; r == ' ' {
			blank = i
		}
	}
	return s, ""
}
