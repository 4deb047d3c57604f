package wire

import (
	"weaver/app"
	"weaver/pm2"
)

// PM2 tells an end twice if somebody wished it: when the program has ended, and when its tree has. One that nobody wished it
// tells once, when it has decided what becomes of the process. weaver's supervisor tells of it at once; what is still to be
// said is kept until what follows has come.

// life is what the feed of events remembers of a process.
type life struct {
	exit     *app.Event // of which not everything was told
	restarts int        // how many there were when it came online: an operator's restart is counted before the end that it brings
	waits    bool       // for its restart
	begun    uint64     // the latest program that was begun
}

type lives map[app.ID]*life

func (l lives) of(id app.ID) *life {
	if l[id] == nil {
		l[id] = &life{}
	}
	return l[id]
}

// exited takes note of an end, and tells of one that was wished.
func (s *Server) exited(e *app.Event) {
	l := s.lives.of(e.ID)
	exit := *e
	exit.Restarts = min(e.Restarts, l.restarts)
	if p, ok := s.Backend.Get(e.ID); ok && p.Mode == app.Cluster && e.Gen < l.begun && e.Asked {
		// The process that a reload has replaced: its successor was begun before it ended.
		exit.Restarts = max(0, e.Restarts-1)
		s.old(&exit, &p, app.Stopping)
		s.old(&exit, &p, app.Stopped)
		return
	}
	if e.Asked {
		s.about(&exit, "exit", app.Stopping)
	}
	l.exit = &exit
}

// ended tells of the end of which nothing was told yet, or of which the rest is.
func (s *Server) ended(e *app.Event, status app.Status) {
	l := s.lives.of(e.ID)
	switch {
	case l.exit != nil:
		s.about(l.exit, "exit", status)
	case l.waits && e.Kind == app.EventStop:
		s.about(e, "exit", status)
	}
	l.exit, l.waits = nil, false
}

// asked reports that the end which is being told of was wished, or that there is none.
func (s *Server) asked(e *app.Event) bool {
	l := s.lives.of(e.ID)
	return l.exit == nil || l.exit.Asked
}

// record is a process as it was when e happened, as far as e says.
func (s *Server) record(e *app.Event, status app.Status) app.Process {
	p, ok := s.Backend.Get(e.ID)
	if !ok {
		p = app.Process{ID: e.ID, Name: e.Name, Namespace: e.Namespace}
	}
	p.Status, p.Restarts = status, e.Restarts
	if e.Exit != nil {
		p.Exit = e.Exit
	}
	return p
}

// about publishes an event by itself with the record as of then.
func (s *Server) about(e *app.Event, what string, status app.Status) { s.told(e, what, status, false) }

func (s *Server) told(e *app.Event, what string, status app.Status, manually bool) {
	p := s.record(e, status)
	s.processEvent(&p, what, manually)
}

// old publishes the end of a process that a reload has replaced: it is another one to PM2.
func (s *Server) old(e *app.Event, p *app.Process, status app.Status) {
	was := *p
	was.Status, was.Restarts, was.Exit = status, e.Restarts, e.Exit
	record := pm2.Public(&was, s.Env)
	record.Set("pm_id", pm2.String(oldID(e.ID)))
	s.publishProcess(record, "exit", false)
}

// oldID is what PM2 calls a process that a reload replaces.
func oldID(id app.ID) string { return "_old_" + id.String() }
