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
}

func (t *tally) add(e *app.Event) {
	if e.ID < 0 || e.Name == "" {
		return
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
}
