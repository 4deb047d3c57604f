package supervisor

import (
	"context"
	"sync"

	"weaver/app"
)

// pastEvents is how many events of one process are kept: enough to see what led to where it is, and few enough for
// thousands of processes that fail at once.
const pastEvents = 20

// past is the last events of one process. The bus keeps those of all, where one that fails in a loop drives out the
// others'.
type past struct {
	mu     sync.Mutex
	events []app.Event // the oldest first once full: at next
	next   int
}

func (p *past) add(e app.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.events) < pastEvents {
		p.events = append(p.events, e)
		return
	}
	p.events[p.next] = e
	p.next = (p.next + 1) % pastEvents
}

// list returns them, oldest first.
func (p *past) list() []app.Event {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]app.Event, 0, len(p.events))
	return append(append(out, p.events[p.next:]...), p.events[:p.next]...)
}

type causeKey struct{}

// WithCause returns a context whose operations say in their events who or what asked for them.
func WithCause(ctx context.Context, cause string) context.Context {
	return context.WithValue(ctx, causeKey{}, cause)
}

func causeOf(ctx context.Context) string {
	cause, _ := ctx.Value(causeKey{}).(string)
	return cause
}
