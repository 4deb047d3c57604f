package cli

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"weaver/app"
	"weaver/logs"
)

// defaultLines is how many stored lines of each file `logs` shows, PM2's.
const defaultLines = 15

// logView is how `logs` shows lines.
type logView struct {
	c      *call
	lines  int
	stream app.Stream // "" is both
	grep   *regexp.Regexp
	since  time.Time
	level  level
	form   logForm
	stamp  string // of followed lines: a date format, or ""
	mark   string // word to highlight
	width  int    // of the labels of what is followed
	begun  time.Time
	// For commands that do more than follow: when to end, instead of with the command; what to call once nothing can be
	// missed any more, and after each line.
	ctx          context.Context
	ready, shown func()
	names        *[]string   // what to follow, instead of the arguments
	calm         atomic.Bool // the supervisor goes away because we want it to
}

type logForm uint8

const (
	labelled  logForm = iota
	rawLines          // --raw
	jsonLines         // --json
	keyValues         // --format
	devLines          // pm2-dev
)

func runLogs(c *call) error {
	v, err := c.logView()
	if err != nil {
		return err
	}
	if c.bool("nostream") {
		return v.history()
	}
	if err := c.ensureDaemon(); err != nil {
		return err
	}
	return v.follow()
}

func (c *call) logView() (*logView, error) {
	v := &logView{c: c, lines: defaultLines, begun: time.Now(), mark: c.lastWord("highlight")}
	var err error
	if word := c.str("lines"); c.given("lines") {
		n, err := strconv.Atoi(word)
		if err != nil { // to PM2 that is no answer to how many
			c.out.note("warning: --lines needs a number, not %q: the last %d are shown", word, defaultLines)
			n = defaultLines
		}
		v.lines = max(n, -n)
	}
	if expr := c.str("grep"); c.given("grep") {
		if v.grep, err = regexp.Compile(expr); err != nil {
			return nil, &usageError{message: fmt.Sprintf("option `--grep': %v", err)}
		}
	}
	if word := c.str("since"); c.given("since") {
		if v.since, err = parseSince(word, time.Now()); err != nil {
			return nil, &usageError{err.Error(), "10m, 2h, 15:04, 2006-01-02 15:04:05, or RFC 3339"}
		}
		if !c.given("lines") {
			v.lines = maxSearchedLines
		}
	}
	switch out, err := c.bool("out"), c.bool("err"); {
	case out && !err:
		v.stream = app.Out
	case err && !out:
		v.stream = app.Err
	}
	switch {
	case c.bool("json"):
		v.form = jsonLines
	case c.bool("format"):
		v.form = keyValues
	case c.bool("raw"):
		v.form = rawLines
	}
	if format := c.last("timestamp"); format != nil && v.form != rawLines {
		v.stamp = cmp.Or(*format, "YYYY-MM-DD-HH:mm:ss")
	}
	return v, nil
}

// title is what the header calls the targets.
func (v *logView) title() string {
	if len(v.c.args) == 0 || slices.Contains(v.c.args, string(app.All)) {
		return "all"
	}
	return fmt.Sprint(joined(v.c.args))
}

func joined(words []string) string {
	out := ""
	for i, w := range words {
		if i > 0 {
			out += ", "
		}
		out += w
	}
	return out
}

// history prints the last lines of the files, in PM2's layout. With --json and --format PM2 has none; weaver has, since
// its files know enough, when nothing is followed.
func (v *logView) history() error {
	if v.lines == 0 {
		return nil
	}
	// An unknown name is no error here, as in PM2: the app may be yet to come.
	list, err := v.c.processes(false, nil)
	if err != nil {
		return err
	}
	plain := v.form == labelled || v.form == rawLines
	if plain {
		v.header()
	}
	if v.c.home.Shared() { // its files are its owner's
		return v.remembered(list)
	}
	for _, f := range v.files(list) {
		if err := v.file(f, plain); err != nil {
			return err
		}
	}
	return nil
}

func (v *logView) header() {
	what := "process"
	if v.title() == "all" {
		what = "processes"
	}
	text := fmt.Sprintf("[TAILING] Tailing last %d lines for [%s] %s (change the value with --lines option)", v.lines, v.title(), what)
	v.c.out.say(v.paint(grey, text) + "\n")
}

// logFile is a file with what it is the output of.
type logFile struct {
	path    string
	label   string
	id      app.ID
	name    string
	stream  app.Stream
	changed time.Time
}

// files are the files to show, the one that was written to last at the end.
func (v *logView) files(list []app.Process) []logFile {
	var out []logFile
	add := func(f logFile) {
		info, err := os.Stat(f.path)
		if err != nil || !info.Mode().IsRegular() {
			return // /dev/null, or nothing written yet
		}
		f.changed = info.ModTime()
		if !slices.ContainsFunc(out, func(o logFile) bool { return o.path == f.path }) {
			out = append(out, f)
		}
	}
	for _, i := range v.chosen(list) {
		p := &list[i]
		f := logFile{label: p.ID.String() + "|" + p.Name, id: p.ID, name: p.Name}
		if v.stream != app.Err {
			f.path, f.stream = p.OutPath, app.Out
			add(f)
		}
		if v.stream != app.Out {
			f.path, f.stream = p.ErrorPath, app.Err
			add(f)
		}
	}
	slices.SortStableFunc(out, func(a, b logFile) int { return a.changed.Compare(b.changed) })
	if v.title() == "all" && v.form == labelled && v.stream == "" {
		daemon := out
		out = nil
		add(logFile{path: v.c.home.DaemonLog(), label: "PM2", name: "PM2", id: -1, stream: app.Out})
		out = append(out, daemon...)
	}
	return out
}

// chosen are the positions of the processes that the targets mean.
func (v *logView) chosen(list []app.Process) []int {
	targets := v.c.args
	if len(targets) == 0 {
		targets = []string{string(app.All)}
	}
	var out []int
	for _, t := range targets {
		at, err := app.Selector(t).Match(list, v.c.env.Cwd)
		if err != nil {
			v.c.out.note("weaver: %v", err)
			continue
		}
		for i := range list {
			if list[i].ID.String() == t { // of a number, what has that name and what has that id
				at = append(at, i)
			}
		}
		for _, i := range at {
			if !slices.Contains(out, i) {
				out = append(out, i)
			}
		}
	}
	return out
}

func (v *logView) file(f logFile, plain bool) error {
	n := v.lines
	if v.choosy() {
		n = maxSearchedLines
	}
	lines, err := logs.Tail(f.path, n, logs.TailOptions{})
	if err != nil {
		return v.c.cannot("", "read the log "+f.path, err)
	}
	if undated := !v.since.IsZero() && f.id >= 0 && len(lines) > 0 && !slices.ContainsFunc(lines, hasTime); undated {
		if lines, err = v.recent(f); err != nil {
			return err
		}
	} else {
		lines = v.wanted(lines)
	}
	lines = lines[max(0, len(lines)-v.lines):]
	if plain {
		v.c.out.say(v.paint(grey, fmt.Sprintf("%s last %d lines:", f.path, v.lines)) + "\n")
	}
	for _, text := range lines {
		v.stored(f, text)
	}
	if plain && len(lines) > 0 {
		v.c.out.say("\n")
	}
	return nil
}

// recent is what of a file that has no times is known to be new enough: the supervisor remembers when the last lines came.
func (v *logView) recent(f logFile) ([]string, error) {
	v.c.out.note("%s: the lines of %s have no time (give the app --time): of these the supervisor knows the last alone", program(v.c.env), f.path)
	up, err := v.c.daemonUp()
	if err != nil || !up {
		return nil, err
	}
	known, err := v.c.client.Recent(v.c.ctx, f.id, v.lines)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, l := range known {
		if l.Stream == f.stream && !l.At.Before(v.since) && v.matches(l.Text) {
			out = append(out, l.Text)
		}
	}
	return out, nil
}

// remembered prints the last lines that the supervisor has in memory, for who may not read its files.
func (v *logView) remembered(list []app.Process) error {
	for _, i := range v.chosen(list) {
		p := &list[i]
		lines, err := v.c.client.Recent(v.c.ctx, p.ID, v.lines)
		if err != nil {
			return err
		}
		for _, s := range []app.Stream{app.Out, app.Err} {
			var texts []string
			for _, l := range lines {
				if l.Stream == s && (v.stream == "" || v.stream == s) {
					texts = append(texts, l.Text)
				}
			}
			for _, text := range v.wanted(texts) {
				v.stored(logFile{label: p.ID.String() + "|" + p.Name, id: p.ID, name: p.Name, stream: s}, text)
			}
		}
	}
	return nil
}

// stored prints one line of a file.
func (v *logView) stored(f logFile, text string) {
	switch v.form {
	case labelled:
		label := fitted(f.label, 10)
		v.c.out.data(v.paint(streamColor(f), label+" | ") + v.marked(text) + "\n")
	case rawLines:
		v.rawLine(f.stream, text)
	case jsonLines, keyValues:
		at, _ := lineTime(text)
		v.line(app.Line{At: at, ID: f.id, Name: f.name, Stream: f.stream, Text: text})
	}
}

// fitted is s in exactly n columns.
func fitted(s string, n int) string {
	r := []rune(s)
	if len(r) > n {
		return string(r[:n])
	}
	return s + blanks(n-len(r))
}
