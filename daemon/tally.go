package daemon

import (
	"maps"
	"sync"

	"weaver/app"
	"weaver/service"
)

// tally counts what happens to services, for /metrics.
type tally struct {
	mu    sync.Mutex
	pasts map[string]*service.Past
	kept  int // of them, last time
}

// forgotten is how many services may be remembered that are not there any more, unless more are there.
const forgotten = 1000

// add counts an event, and reports that many services are remembered that are perhaps not there any more.
func (t *tally) add(e *app.Event) (many bool) {
	if e.ID < 0 || e.Name == "" {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.pasts[e.Name]
	if p == nil {
		if t.pasts == nil {
			t.pasts = map[string]*service.Past{}
		}
		p = &service.Past{}
		t.pasts[e.Name] = p
	}
	p.Note(e)
	return len(t.pasts) > t.kept+max(t.kept, forgotten)
}

// of returns a copy of what was counted of a service, nil if nothing was.
func (t *tally) of(name string) *service.Past {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.pasts[name]
	if p == nil {
		return nil
	}
	c := *p
	return &c
}

// keep forgets the services that are not there any more.
func (t *tally) keep(list []service.Service) {
	there := make(map[string]bool, len(list))
	for i := range list {
		there[list[i].Name] = true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.DeleteFunc(t.pasts, func(name string, _ *service.Past) bool { return !there[name] })
	t.kept = len(t.pasts)
}
