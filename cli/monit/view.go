package monit

import (
	"fmt"
	"strconv"
	"strings"

	"weaver/app"
	"weaver/pm2"
)

// The smallest screen on which all of it has room.
const minWidth, minHeight = 40, 10

// view draws the model for a screen of that size: height lines of exactly width columns.
func (m *model) view(width, height int, color bool) []string {
	if width < minWidth || height < minHeight {
		return fill([]string{fmt.Sprintf("%d×%d at least, please", minWidth, minHeight)}, max(width, 1), max(height, 1))
	}
	s := style{color}
	left := min(max(width*2/5, 30), 60, width-20)
	right := width - left
	body := height - 1
	lower := min(max(body/3, 5), 14)
	upper := body - lower

	p := m.current()
	title := "Output"
	if p != nil {
		title += ": " + p.Name + " (" + p.ID.String() + ")"
	}
	if m.scroll > 0 {
		title += fmt.Sprintf(" — %d lines back", m.scroll)
	}
	top := beside(
		s.box("Processes", m.processes(s, left-4, upper-2), left, upper, m.focus == paneList),
		s.box(title, m.output(right-4, upper-2), right, upper, m.focus == paneLogs),
	)
	bottom := beside(
		s.box("Use and metrics", m.metrics(s, left-4, lower-2), left, lower, false),
		s.box("Details", m.details(right-4), right, lower, false),
	)
	return append(append(top, bottom...), m.status(s, width))
}

// style paints, or does not.
type style struct{ color bool }

func (s style) paint(code, text string) string {
	if !s.color {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// box frames lines, which are at most width-4 columns wide.
func (s style) box(title string, lines []string, width, height int, focused bool) []string {
	frame := "2"
	if focused {
		frame = "36"
	}
	head := pm2.FitText(" "+title+" ", min(pm2.TextWidth(title)+2, width-4))
	rest := width - 3 - pm2.TextWidth(head)
	out := []string{s.paint(frame, "┌─") + s.paint("1", head) + s.paint(frame, strings.Repeat("─", rest)+"┐")}
	side := s.paint(frame, "│")
	for i := range height - 2 {
		line := strings.Repeat(" ", width-4)
		if i < len(lines) {
			line = lines[i]
		}
		out = append(out, side+" "+line+" "+side)
	}
	return append(out, s.paint(frame, "└"+strings.Repeat("─", width-2)+"┘"))
}

func beside(a, b []string) []string {
	out := make([]string, len(a))
	for i := range a {
		out[i] = a[i] + b[i]
	}
	return out
}

// fill makes lines exactly width columns wide, and as many as height.
func fill(lines []string, width, height int) []string {
	out := make([]string, height)
	for i := range out {
		line := ""
		if i < len(lines) {
			line = lines[i]
		}
		out[i] = pm2.FitText(line, width)
	}
	return out
}

var statusPaint = map[app.Status]string{app.Online: "32", app.Launching: "34", app.WaitingRestart: "33"}

// processes is the list, with the selected one in sight.
func (m *model) processes(s style, width, height int) []string {
	if len(m.list) == 0 {
		return fill([]string{"nothing runs here"}, width, 1)
	}
	first := min(max(m.selected-height/2, 0), max(len(m.list)-height, 0))
	var out []string
	for i := first; i < len(m.list) && len(out) < height; i++ {
		p := &m.list[i]
		figures := fmt.Sprintf("%7s %6s  %-8s", pm2.Memory(p.Usage.Memory), pm2.CPU(p.Usage.CPU), shortStatus(p.Status))
		line := pm2.FitText("["+p.ID.String()+"] "+p.Name, width-len(figures)-1) + " " + figures
		line = pm2.FitText(line, width)
		code := statusPaint[p.Status]
		if code == "" {
			code = "31"
		}
		if i == m.selected {
			code += ";7"
			if !s.color {
				line = ">" + pm2.FitText(line, width-1)
			}
		}
		out = append(out, s.paint(code, line))
	}
	return out
}

func shortStatus(st app.Status) string {
	if st == app.WaitingRestart {
		return "waiting"
	}
	return string(st)
}

// output is the end of what the selected process printed.
func (m *model) output(width, height int) []string {
	p := m.current()
	if p == nil || m.logs[p.ID] == nil {
		return fill([]string{"no output yet"}, width, 1)
	}
	lines := m.logs[p.ID].lines
	end := max(len(lines)-m.scroll, 1)
	lines = lines[max(end-height, 0):end]
	out := make([]string, len(lines))
	for i, l := range lines {
		mark := "  "
		if l.Stream == app.Err {
			mark = "! "
		}
		out[i] = pm2.FitText(mark+clean(l.Text), width)
	}
	return out
}

// clean takes escape sequences and control characters out of what a program printed: they are for its own screen.
func clean(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == 27 && i+1 < len(s) && s[i+1] == '[':
			for i += 2; i < len(s) && (s[i] < 0x40 || s[i] > 0x7e); i++ {
			}
		case c == '\t':
			b.WriteString("    ")
		case c < ' ' || c == 0x7f:
		default:
			b.WriteByte(c)
		}
	}
	return strings.ToValidUTF8(b.String(), "·")
}

// metrics shows what the selected process used lately, and what it tells of itself.
func (m *model) metrics(s style, width, height int) []string {
	p := m.current()
	if p == nil {
		return nil
	}
	u := m.use[p.ID]
	room := max(width-20, 4)
	lines := []string{
		"cpu " + pm2.FitText(pm2.CPU(p.Usage.CPU), 10) + s.paint("36", spark(u.cpu, room)),
		"mem " + pm2.FitText(pm2.Memory(p.Usage.Memory), 10) + s.paint("35", spark(u.memory, room)),
	}
	for i := range lines {
		lines[i] += strings.Repeat(" ", max(width-14-room, 0))
	}
	if p.Reported != nil {
		for _, f := range p.Reported.Metrics {
			if len(lines) >= height {
				break
			}
			lines = append(lines, pm2.FitText(f.Key+"  "+metricText(f.Value), width))
		}
	}
	return lines
}

// bars are eighths of a block.
var bars = []rune("▁▂▃▄▅▆▇█")

// spark draws the last values as a line of bars, the highest of them full.
func spark(values []float64, width int) string {
	values = values[max(0, len(values)-width):]
	most := 0.0
	for _, v := range values {
		most = max(most, v)
	}
	var b strings.Builder
	b.WriteString(strings.Repeat(" ", width-len(values)))
	for _, v := range values {
		n := 0
		if most > 0 {
			n = int(v / most * float64(len(bars)-1))
		}
		b.WriteRune(bars[min(max(n, 0), len(bars)-1)])
	}
	return b.String()
}

// details are facts about the selected process.
func (m *model) details(width int) []string {
	p := m.current()
	if p == nil {
		return nil
	}
	uptime := "-"
	if p.PID != 0 {
		uptime = pm2.Uptime(m.now.Sub(p.Started))
	}
	rows := [][2]string{
		{"status", string(p.Status)},
		{"namespace", p.Namespace},
		{"mode", string(p.Mode)},
		{"pid", strconv.Itoa(p.PID)},
		{"uptime", uptime},
		{"restarts", strconv.Itoa(p.Restarts)},
		{"processes", strconv.Itoa(p.Usage.Procs)},
		{"threads", strconv.Itoa(p.Usage.Threads)},
	}
	if p.Reason != "" {
		rows = append([][2]string{{"why", p.Reason}}, rows...)
	}
	var out []string
	for _, r := range rows {
		out = append(out, pm2.FitText(fmt.Sprintf("%-10s %s", r[0], clean(r[1])), width))
	}
	return out
}

// status is the last line: a question, what went wrong, or which keys there are.
func (m *model) status(s style, width int) string {
	switch {
	case m.ask != nil:
		return s.paint("33;1", pm2.FitText(fmt.Sprintf(" %s %s (id %d)? y/n", m.ask.verb, m.ask.name, m.ask.id), width))
	case m.trouble != "":
		return s.paint("31;1", pm2.FitText(" "+m.trouble, width))
	}
	text := " ↑↓ choose · ←→ list or output · r restart · l reload · s stop · q quit"
	if m.news != "" {
		text = " " + m.news + " ·" + text
	}
	if host := m.host; host != "" {
		if room := width - pm2.TextWidth(host) - 1; room > 20 {
			return s.paint("2", pm2.FitText(text, room)+host+" ")
		}
	}
	return s.paint("2", pm2.FitText(text, width))
}
