package daemon

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"sync"

	"weaver/app"
)

const (
	// pastBytes is how much is kept of what happened, in each of two files.
	pastBytes = 1 << 20
	// pastEvents is how many events of one process are told.
	pastEvents = 20
)

// past is what happened to processes, on disk: so that somebody who asks why also learns what a former supervisor saw. It
// costs nothing until somebody asks.
type past struct {
	path string

	mu   sync.Mutex
	file *os.File
	size int64
	torn bool // it does not end with a whole line
}

// add writes an event down. What cannot be written is not worth a word: the daemon's log has it too.
func (p *past) add(e *app.Event) {
	if e.ID < 0 || e.Kind == app.EventMessage {
		return
	}
	line, err := json.Marshal(e)
	if err != nil {
		return
	}
	line = append(line, '\n')
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.file != nil && p.size > pastBytes {
		p.file.Close()
		p.file = nil
		os.Rename(p.path, p.path+".1") // else it goes on growing until that works
	}
	if p.file == nil {
		f, err := os.OpenFile(p.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|noFollow, 0o600)
		if err != nil {
			return
		}
		p.file, p.size, p.torn = f, 0, false
		if info, err := f.Stat(); err == nil {
			p.size, p.torn = info.Size(), endsTorn(p.path, info.Size())
		}
	}
	_ = appendLine(p.file, line, &p.size, &p.torn) // see above
}

func (p *past) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.file != nil {
		p.file.Close()
		p.file = nil
	}
}

// before returns what happened to each of the processes before the events that are known of it, the oldest first.
func (p *past) before(known map[app.ID][]app.Event, wanted map[app.ID]bool) map[app.ID][]app.Event {
	out := map[app.ID][]app.Event{}
	for _, path := range []string{p.path + ".1", p.path} {
		f, err := os.Open(path)
		if err != nil {
			continue // there is none
		}
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, pastBytes)
		for lines.Scan() {
			id, ok := idIn(lines.Bytes())
			if !ok || !wanted[id] {
				continue
			}
			var e app.Event
			if json.Unmarshal(lines.Bytes(), &e) != nil { // torn by a death
				continue
			}
			if e.Kind == app.EventDelete || e.Kind == app.EventStart && e.Gen == 1 { // before was another process of this number
				out[id] = nil
			}
			if e.Kind == app.EventDelete {
				continue
			}
			if events := known[id]; len(events) > 0 && e.Seq >= events[0].Seq {
				continue
			}
			out[id] = append(out[id], e)
			if len(out[id]) > 4*pastEvents {
				out[id] = append(out[id][:0], out[id][len(out[id])-pastEvents:]...)
			}
		}
		f.Close()
	}
	return out
}

// idIn finds the number of the process in an event's line, without reading all of it.
func idIn(line []byte) (id app.ID, ok bool) {
	_, rest, ok := bytes.Cut(line, []byte(`"id":`))
	if !ok {
		return 0, false
	}
	_, err := fmt.Sscan(string(rest[:min(len(rest), 12)]), &id)
	return id, err == nil
}

// pasts returns the last events of each process, the oldest first: of this supervisor, and before that of those before it.
func (d *daemon) pasts(list []app.Process) map[app.ID][]app.Event {
	known, wanted := map[app.ID][]app.Event{}, map[app.ID]bool{}
	for i := range list {
		p := &list[i]
		known[p.ID] = d.sup.History(p.ID)
		if len(known[p.ID]) < pastEvents {
			wanted[p.ID] = true
		}
	}
	if len(wanted) > 0 {
		for id, older := range d.past.before(known, wanted) {
			known[id] = append(older, known[id]...)
		}
	}
	for id, events := range known {
		known[id] = events[max(0, len(events)-pastEvents):]
	}
	return known
}
