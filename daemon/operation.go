package daemon

import (
	"context"
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"

	"weaver/api"
	"weaver/app"
	"weaver/supervisor"
)

// operation is a mutating request being carried out. It goes on when the one who asked is gone, holds the locks that came
// with the request, and ends up in the audit log.
type operation struct {
	d     *daemon
	ctx   context.Context
	locks []int
	empty bool                    // nothing was done
	told  bool                    // it is in the audit log
	over  func()                  // the same operation can be asked for again
	steps *gathered[app.Progress] // what is told meanwhile; nil if nothing is

	mu    sync.Mutex // parts of it report at the same time
	entry auditEntry
}

// operation begins one that a request asks for. end must be called.
func (d *daemon) operation(r *http.Request, act string, targets ...string) *operation {
	c, _ := r.Context().Value(connKey{}).(*conn)
	return d.begin(context.WithoutCancel(r.Context()), c, r.URL.Query().Get(api.QueryOp), act, targets...)
}

// begin begins one that was asked for over a connection, whose locks it takes. With an id it may have been asked for before:
// what was done then is not done again.
func (d *daemon) begin(ctx context.Context, c *conn, id, act string, targets ...string) *operation {
	o := &operation{d: d, entry: auditEntry{At: time.Now(), actor: unknownActor, Act: act, Targets: targets}}
	if c != nil {
		o.locks = c.takeRights()
		o.entry.actor = newActor(c.peer)
	}
	var err error
	o.ctx, o.over, err = d.sup.Operation(supervisor.WithCause(ctx, o.entry.actor.String()), id)
	if err != nil { // the door has refused such ids
		o.over = func() {}
		d.log.Error("operation", zap.Error(err))
	}
	return o
}

// target adds what the operation is about, where that is known only later.
func (o *operation) target(names ...string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.entry.Targets = append(o.entry.Targets, names...)
}

// progress returns the report function for an operation that answers w.
func (o *operation) progress(w http.ResponseWriter) func(app.Progress) {
	o.steps = gather[app.Progress](w)
	return func(p app.Progress) {
		o.note(p)
		if p.Step == app.StepEnd {
			o.done()
		}
		o.steps.send(o.d.hinted(p))
	}
}

// note keeps what the audit log wants to know of a step, and tells PM2's bus what was done.
func (o *operation) note(p app.Progress) {
	o.d.wire.Load().heard(&p)
	if p.Step != app.StepFailed {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.entry.Failures++
	if o.entry.Error == "" {
		o.entry.Error = p.Message
	}
}

// failed notes an error that is no step, and returns it.
func (o *operation) failed(err error) error {
	if err != nil {
		o.note(app.Progress{Step: app.StepFailed, Message: err.Error()})
	}
	return err
}

// void says that nothing was done: the front end asks in another way.
func (o *operation) void() { o.empty = true }

// done puts it into the audit log, before anybody is told how it went: whoever knows of it finds it there.
func (o *operation) done() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.empty || o.told {
		return
	}
	o.told = true
	o.entry.TookMS = float64(time.Since(o.entry.At).Microseconds()) / 1000
	o.d.record(&o.entry)
}

// answer ends it with a value.
func (o *operation) answer(w http.ResponseWriter, v any) error {
	o.done()
	return answer(w, v)
}

// end gives the locks back.
func (o *operation) end() {
	if o.steps != nil {
		o.steps.end()
	}
	o.d.memory.soon()
	o.done()
	o.over()
	for _, fd := range o.locks {
		closeFD(fd)
	}
}

// again returns what it was about when it was asked for the first time; nil if it was not.
func (o *operation) again() []app.Selector { return supervisor.Asked(o.ctx) }

// targetsOf is a list of selectors as text.
func targetsOf(list []app.Selector) []string {
	out := make([]string, len(list))
	for i, t := range list {
		out[i] = string(t)
	}
	return out
}
