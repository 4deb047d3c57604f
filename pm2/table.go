package pm2

import (
	"strconv"
	"strings"
	"time"

	"weaver/app"
)

// TableOptions says how a list is shown.
type TableOptions struct {
	// Width is that of the terminal in columns. 0 is no terminal, which PM2 takes for one of 300 columns.
	Width int
	Color bool
	// Unicode draws borders with box characters; without it they are ASCII.
	Unicode bool
	// Mini is the format of `-m`: no table.
	Mini bool
	// Sort is a field and a direction, "cpu:desc"; empty is by name.
	Sort string
	// Now is what uptimes are counted to; zero is the present.
	Now time.Time
	// HostLine is printed below the table. Its parts, separated by " | ", are left off from the right where they do not
	// fit.
	HostLine string
}

// AppendTable appends what `list` prints: PM2's columns, in the widest of PM2's layouts that fits, names in natural
// order. No line is wider than the terminal. A name is cut only where there is no room for it, and a status never shows
// as half an escape sequence, as "waiting restart" does in PM2.
func AppendTable(dst []byte, list []app.Process, o TableOptions) []byte {
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	if o.Mini {
		return AppendMini(dst, list, o)
	}
	if o.Width <= 0 {
		o.Width = 300
	}
	t := newTable(list, o)
	if t.columns == nil {
		dst = t.appendLines(dst, list)
	} else {
		dst = t.appendBorder(dst, 0)
		dst = t.appendHeader(dst)
		if len(list) > 0 {
			dst = t.appendBorder(dst, 1)
		}
		for _, i := range sorted(list, o.Sort) {
			dst = t.appendRow(dst, &list[i])
		}
		dst = t.appendBorder(dst, 2)
	}
	return appendHostLine(dst, o)
}

// appendLines is for terminals too narrow for any table.
func (t *table) appendLines(dst []byte, list []app.Process) []byte {
	for _, i := range sorted(list, t.Sort) {
		p := &list[i]
		dst, _ = appendText(dst, p.ID.String()+" "+p.Name, t.Width, t.Unicode)
		dst = append(dst, '\n')
	}
	return dst
}

// appendBorder draws the top (0), middle (1) or bottom (2) border.
func (t *table) appendBorder(dst []byte, at int) []byte {
	corners := [3][3]string{{"┌", "┬", "┐"}, {"├", "┼", "┤"}, {"└", "┴", "┘"}}[at]
	line := "─"
	if !t.Unicode {
		corners, line = [3]string{"+", "+", "+"}, "-"
	}
	dst = t.paint(dst, gray)
	for i, c := range t.columns {
		dst = append(dst, corners[min(i, 1)]...)
		for range c.width {
			dst = append(dst, line...)
		}
	}
	dst = append(dst, corners[2]...)
	dst = t.unpaint(dst, gray)
	return append(dst, '\n')
}

func (t *table) appendHeader(dst []byte) []byte {
	for _, c := range t.columns {
		dst = t.appendBar(dst)
		dst = t.appendCell(dst, c.title, c.width, heading)
	}
	return append(t.appendBar(dst), '\n')
}

func (t *table) appendBar(dst []byte) []byte {
	dst = t.paint(dst, gray)
	if t.Unicode {
		dst = append(dst, "│"...)
	} else {
		dst = append(dst, '|')
	}
	return t.unpaint(dst, gray)
}

func (t *table) appendRow(dst []byte, p *app.Process) []byte {
	for _, c := range t.columns {
		dst = t.appendBar(dst)
		s := t.scratch[:0]
		text, color := "", none
		switch c.cell {
		case idCell:
			s, color = strconv.AppendInt(s, int64(p.ID), 10), heading
		case nameCell:
			text = p.Name
		case namespaceCell:
			text = namespace(p, specOf(p))
		case versionCell:
			text = versionOf(p)
		case modeCell:
			text, color = "fork", inverse
			if mode(p, specOf(p)) == app.Cluster {
				text, color = "cluster", blue
			}
		case pidCell:
			s = strconv.AppendInt(s, int64(p.PID), 10)
		case uptimeCell:
			s = appendUptimeOf(s, p, t.now)
		case restartsCell:
			s = strconv.AppendInt(s, int64(p.Restarts), 10)
		case statusCell:
			text, color = string(p.Status), statusColor(p.Status)
			if p.Status == app.WaitingRestart && c.width < waitingWidth {
				text = "waiting"
			}
			if p.OnDemand { // nobody has to do anything about it
				text = "on demand"
			}
		case cpuCell:
			s = appendCPU(s, p.Usage.CPU)
		case memoryCell:
			s = appendMemory(s, p.Usage.Memory)
		case userCell:
			text, color = userOf(p), bold
		case watchingCell:
			text, color = "disabled", gray
			if p.Watching {
				text, color = "enabled", green
			}
		}
		if text == "" {
			// Written by us: printable ASCII, and usually short enough.
			if t.scratch = s; len(s) <= c.width-2 {
				dst = t.appendFitting(dst, s, c.width, color)
				continue
			}
			text = string(s)
		}
		dst = t.appendCell(dst, text, c.width, color)
	}
	return append(t.appendBar(dst), '\n')
}

func (t *table) appendFitting(dst, s []byte, width int, color color) []byte {
	dst = append(dst, ' ')
	dst = t.paint(dst, color)
	dst = append(dst, s...)
	dst = t.unpaint(dst, color)
	return appendBlanks(dst, width-1-len(s))
}

func (t *table) appendCell(dst []byte, s string, width int, color color) []byte {
	dst = append(dst, ' ')
	dst = t.paint(dst, color)
	dst, used := appendText(dst, s, width-2, t.Unicode)
	dst = t.unpaint(dst, color)
	return appendBlanks(dst, width-1-used)
}

func (t *table) paint(dst []byte, c color) []byte {
	if !t.Color {
		return dst
	}
	return append(dst, c.on...)
}

func (t *table) unpaint(dst []byte, c color) []byte {
	if !t.Color {
		return dst
	}
	return append(dst, c.off...)
}

func appendBlanks(dst []byte, n int) []byte {
	const blanks = "                                        "
	for ; n > len(blanks); n -= len(blanks) {
		dst = append(dst, blanks...)
	}
	return append(dst, blanks[:max(n, 0)]...)
}

func appendHostLine(dst []byte, o TableOptions) []byte {
	line := o.HostLine
	for visibleWidth(line) > o.Width {
		i := strings.LastIndex(line, " | ")
		// The first part is only a label: without another there is nothing to say.
		if i < 0 || !strings.Contains(line[:i], " | ") {
			return dst
		}
		line = line[:i]
	}
	if line == "" {
		return dst
	}
	return append(append(dst, line...), '\n')
}

// visibleWidth is the width of text that has colours in it.
func visibleWidth(s string) int {
	w := 0
	for s != "" {
		i := strings.Index(s, "\x1b[")
		if i < 0 {
			return w + textWidth(s)
		}
		w += textWidth(s[:i])
		s = s[i+2:]
		s = s[strings.IndexByte(s, 'm')+1:]
	}
	return w
}
