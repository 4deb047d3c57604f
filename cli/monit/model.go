package monit

import (
	"time"

	"weaver/app"
)

const (
	keptLines   = 400 // of each process's output
	keptSamples = 120 // of CPU and memory
)

// pane is what the arrow keys act on.
type pane int

const (
	paneList pane = iota
	paneLogs
	panes = 2
)

// model is everything that is on the screen.
type model struct {
	list     []app.Process
	host     string
	selected int // index into list
	focus    pane
	scroll   int // lines of output between the newest one and the lowest one shown
	logs     map[app.ID]*tail
	use      map[app.ID]*use
	trouble  string   // why what is shown is old
	news     string   // what came of the last act
	ask      *request // waits for a yes
	now      time.Time
}

// tail is the last output of one process.
type tail struct{ lines []app.Line }

// use is what one process has used lately, the newest last.
type use struct{ cpu, memory []float64 }

// request is something to be done to a process.
type request struct {
	verb app.Verb
	id   app.ID
	name string
}

func newModel() *model {
	return &model{logs: map[app.ID]*tail{}, use: map[app.ID]*use{}}
}

// current is the process that is selected, or nil.
func (m *model) current() *app.Process {
	if m.selected < 0 || m.selected >= len(m.list) {
		return nil
	}
	return &m.list[m.selected]
}

// setList takes a new look at what runs. The selection stays with its process.
func (m *model) setList(list []app.Process, now time.Time) {
	var id app.ID = -1
	if p := m.current(); p != nil {
		id = p.ID
	}
	m.list, m.now, m.trouble = list, now, ""
	m.selected = min(m.selected, max(len(list)-1, 0))
	there := make(map[app.ID]bool, len(list))
	for i := range list {
		p := &list[i]
		there[p.ID] = true
		if p.ID == id {
			m.selected = i
		}
		u := m.use[p.ID]
		if u == nil {
			u = &use{}
			m.use[p.ID] = u
		}
		u.cpu = push(u.cpu, p.Usage.CPU)
		u.memory = push(u.memory, float64(p.Usage.Memory))
	}
	for id := range m.use {
		if !there[id] {
			delete(m.use, id)
			delete(m.logs, id)
		}
	}
}

func push(list []float64, v float64) []float64 {
	if len(list) >= keptSamples {
		list = append(list[:0], list[1:]...)
	}
	return append(list, v)
}

// addLine takes a line of output.
func (m *model) addLine(l app.Line) {
	t := m.logs[l.ID]
	if t == nil {
		t = &tail{}
		m.logs[l.ID] = t
	}
	if len(t.lines) >= keptLines {
		t.lines = append(t.lines[:0], t.lines[1:]...)
	}
	t.lines = append(t.lines, l)
	if p := m.current(); p != nil && p.ID == l.ID && m.scroll > 0 { // what is read stays where it is
		m.scroll = min(m.scroll+1, len(t.lines)-1)
	}
}

// press takes a key. It reports whether to end, and what to do, if anything.
func (m *model) press(k key) (quit bool, do *request) {
	if m.ask != nil {
		ask := m.ask
		m.ask = nil
		if k == 'y' || k == 'Y' || k == keyEnter {
			return false, ask
		}
		m.news = "not done"
		return k == keyInterrupt, nil
	}
	switch k {
	case 'q', 'Q', keyEscape, keyInterrupt:
		return true, nil
	case keyLeft, keyRight, keyTab:
		m.focus = (m.focus + 1) % panes
	case keyUp, 'k':
		m.move(-1)
	case keyDown, 'j':
		m.move(1)
	case keyPageUp:
		m.move(-10)
	case keyPageDown:
		m.move(10)
	case keyHome:
		m.move(-len(m.list) - keptLines)
	case keyEnd:
		m.move(len(m.list) + keptLines)
	case 'r':
		m.wish(app.VerbRestart)
	case 'l':
		m.wish(app.VerbReload)
	case 's':
		m.wish(app.VerbStop)
	}
	return false, nil
}

// wish asks whether to do something to the selected process.
func (m *model) wish(v app.Verb) {
	if p := m.current(); p != nil {
		m.ask, m.news = &request{v, p.ID, p.Name}, ""
	}
}

// move goes down by n: in the list, or in the output towards the newest line.
func (m *model) move(n int) {
	if m.focus == paneLogs {
		most := 0
		if p := m.current(); p != nil && m.logs[p.ID] != nil {
			most = max(len(m.logs[p.ID].lines)-1, 0)
		}
		m.scroll = min(max(m.scroll-n, 0), most)
		return
	}
	m.selected = min(max(m.selected+n, 0), max(len(m.list)-1, 0))
	m.scroll = 0
}
