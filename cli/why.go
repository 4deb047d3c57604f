package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"weaver/api"
	"weaver/app"
	"weaver/pm2"
)

// whyJSON is what `why --json` prints for one process.
type whyJSON struct {
	Process app.Process      `json:"process"`
	Because string           `json:"because"`
	Next    []app.Due        `json:"next"`
	Events  []app.Event      `json:"events"`
	Lines   []app.Line       `json:"lines"`
	Config  *api.ConfigState `json:"config,omitempty"`
}

// runWhy says on one screen where a process is, how it came there, and what happens next.
func runWhy(c *call) error {
	all, err := c.descriptions()
	if err != nil && len(all) == 0 {
		return err
	}
	if c.out.json {
		out := make([]whyJSON, len(all))
		for i := range all {
			d := &all[i]
			d.Process.Spec = nil
			out[i] = whyJSON{Process: d.Process, Because: because(&d.Process), Next: d.Next, Events: d.Events, Lines: errorLines(d, lastWords), Config: d.Config}
			if out[i].Next == nil {
				out[i].Next = []app.Due{}
			}
		}
		return errors.Join(c.out.value(out), err)
	}
	for i := range all {
		if i > 0 {
			c.out.data("\n")
		}
		w := whyText{out: c.out, now: time.Now(), program: program(c.env)}
		w.write(&all[i])
		c.out.data(w.b.String())
	}
	return err
}

// lastWords is how many lines of standard error are shown.
const lastWords = 12

// because says in one line why a process is where it is.
func because(p *app.Process) string {
	switch {
	case p.Reason != "":
		return p.Reason
	case p.Status == app.Online:
		return "it runs as wished"
	case p.Status == app.Launching:
		return "it was started, and is not ready yet"
	case p.Status == app.Stopping:
		return "it was asked to end, and has not yet"
	case p.Status == app.WaitingRestart:
		return "it ended, and its restart is due"
	case p.Exit != nil && p.Exit.Code == 0 && p.Exit.Signal == "":
		return "it ended by itself with code 0, or was stopped"
	}
	return "nobody wants it to run"
}

// errorLines returns the last lines of standard error, or of standard output if there are none.
func errorLines(d *api.Description, most int) []app.Line {
	lines := []app.Line{}
	for _, s := range []app.Stream{app.Err, app.Out} {
		for _, l := range d.Recent {
			if l.Stream == s {
				lines = append(lines, l)
			}
		}
		if len(lines) > 0 {
			break
		}
	}
	return lines[max(0, len(lines)-most):]
}

// whyText is the page for one process.
type whyText struct {
	b       strings.Builder
	out     *output
	now     time.Time
	program string
}

func (w *whyText) paint(code, s string) string {
	if !w.out.color {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (w *whyText) write(d *api.Description) {
	p := &d.Process
	state := map[app.Status]string{app.Online: "32;1", app.Launching: "34;1", app.WaitingRestart: "33;1"}[p.Status]
	if state == "" {
		state = "31;1"
	}
	fmt.Fprintf(&w.b, "%s (id %d) is %s: %s\n", w.paint("1", p.Name), p.ID, w.paint(state, string(p.Status)), because(p))
	w.row("now", w.present(p))
	for i := range p.Ceilings {
		c := &p.Ceilings[i]
		w.row(c.What+" max", c.String())
	}
	if p.Exit != nil {
		w.row("last end", w.end(p.Exit))
	}
	if d.Config != nil {
		w.row("config", configText(d.Config))
	}
	w.row("restarts", restartsText(p))
	next := w.next(d)
	for i, text := range next {
		name := ""
		if i == 0 {
			name = "next"
		}
		w.row(name, text)
	}
	if len(d.Events) > 0 {
		w.b.WriteString("\n" + w.paint("1", "What happened") + "\n")
		for i := range d.Events {
			w.event(&d.Events[i])
		}
	}
	if lines := errorLines(d, lastWords); len(lines) > 0 {
		title := "Last errors"
		if lines[0].Stream == app.Out {
			title = "Last output (nothing on standard error)"
		}
		w.b.WriteString("\n" + w.paint("1", title) + w.paint("2", "  "+logOf(p, lines[0].Stream)) + "\n")
		for _, l := range lines {
			w.b.WriteString("  " + w.fit(l.Text, 2) + "\n")
		}
	}
}

func logOf(p *app.Process, s app.Stream) string {
	if s == app.Out {
		return p.OutPath
	}
	return p.ErrorPath
}

func (w *whyText) row(name, text string) {
	if text != "" {
		fmt.Fprintf(&w.b, "  %s%s\n", w.paint("36", fmt.Sprintf("%-10s", name)), w.fit(text, 12))
	}
}

// fit cuts a line to the terminal. Control characters of a program's output would move the cursor: they go.
func (w *whyText) fit(s string, indent int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' || r == 0x7f {
			return -1
		}
		return r
	}, s)
	if room := w.out.cols - indent; w.out.cols > 0 && room > 10 {
		if runes := []rune(s); len(runes) > room {
			return string(runes[:room-1]) + "…"
		}
	}
	return s
}

// present is what runs.
func (w *whyText) present(p *app.Process) string {
	if p.PID == 0 {
		return ""
	}
	text := fmt.Sprintf("pid %d, up %s", p.PID, pm2.Uptime(w.now.Sub(p.Started)))
	if !p.Usage.At.IsZero() {
		text += fmt.Sprintf(", %s, %s in %s", pm2.CPU(p.Usage.CPU), pm2.Memory(p.Usage.Memory), counted(max(p.Usage.Procs, 1), "process", "processes"))
	}
	return text
}

func (w *whyText) end(e *app.Exit) string {
	text := exitWords(e)
	if !e.At.IsZero() {
		text += ", " + w.when(e.At)
	}
	return text
}

// exitWords says how an incarnation ended.
func exitWords(e *app.Exit) string {
	switch {
	case e.Err != "":
		return e.Err
	case e.OOM:
		return "killed by the kernel: out of memory"
	case e.Signal != "" && e.Core:
		return "killed by " + e.Signal + " (core dumped)"
	case e.Signal != "":
		return "killed by " + e.Signal
	}
	return "exit code " + strconv.Itoa(e.Code)
}

func restartsText(p *app.Process) string {
	text := strconv.Itoa(p.Restarts)
	if p.Unstable > 0 {
		text += fmt.Sprintf(", %d quick exits in a row", p.Unstable)
	}
	return text
}

// next says what will happen by itself.
func (w *whyText) next(d *api.Description) []string {
	p := &d.Process
	var out []string
	for _, due := range d.Next {
		if due.At.IsZero() {
			out = append(out, due.What)
			continue
		}
		out = append(out, fmt.Sprintf("%s in %s (%s)", due.What, span(due.At.Sub(w.now)), due.At.Local().Format(time.TimeOnly)))
	}
	if p.PID == 0 && p.RestartAt.IsZero() && len(p.WaitsFor) == 0 {
		out = append(out, "nothing by itself: "+w.program+" restart "+p.Name)
	}
	return out
}

// event is one line: when, what, and why.
func (w *whyText) event(e *app.Event) {
	what := string(e.Kind)
	var notes []string
	add := func(s string) {
		if s != "" {
			notes = append(notes, s)
		}
	}
	if e.PID != 0 && (e.Kind == app.EventOnline || e.Kind == app.EventExit) {
		add("pid " + strconv.Itoa(e.PID))
	}
	if e.Exit != nil {
		add(exitWords(e.Exit))
	} else {
		add(e.Message)
	}
	if e.Delay > 0 {
		add("after a pause of " + span(e.Delay))
	}
	if e.Cause != "" {
		add("by " + e.Cause)
	}
	line := fmt.Sprintf("  %s  %s  %s", w.paint("2", fmt.Sprintf("%-26s", w.when(e.At))), fmt.Sprintf("%-17s", what), w.fit(strings.Join(notes, "; "), 49))
	w.b.WriteString(strings.TrimRight(line, " ") + "\n")
}

// when is a time of day and how long ago that was; a date where it is not today.
func (w *whyText) when(t time.Time) string {
	t = t.Local()
	layout := time.TimeOnly
	if t.Format(time.DateOnly) != w.now.Local().Format(time.DateOnly) {
		layout = "01-02 15:04:05"
	}
	return t.Format(layout) + " (" + span(w.now.Sub(t)) + " ago)"
}

// span words a duration in two significant parts.
func span(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + "ms"
	case d < 10*time.Second:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + "s"
	case d < time.Minute:
		return strconv.Itoa(int(d.Seconds())) + "s"
	case d < time.Hour:
		return fmt.Sprintf("%dm%ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd%dh", int(d.Hours())/24, int(d.Hours())%24)
}

// counted words a number of things.
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}
