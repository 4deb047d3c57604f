package supervisor

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"weaver/app"
	"weaver/supervisor/lifecycle"
)

// ErrOtherOperation is returned for an operation whose id was used for something else.
var ErrOtherOperation = errors.New("this id is of another operation")

// operation is something that somebody asked for under an id, to be able to ask for it again: when the connection breaks
// nobody knows how far it came. Asked again it goes over the same processes, tells those that were not told yet, and waits
// for all: what it comes to is what it would have come to, and it happens once.
//
// What a part of it means is written down before that is begun. That a process was told is written down with what came of
// it, in one record (keeper.publish): at no moment is one true without the other.
type operation struct {
	id   string
	book *book
	turn chan struct{} // has a token while nobody is at it

	mu    sync.Mutex
	parts []operationPart // what it consists of, in order
	// told says of each process, by its unique id, up to which part it was told.
	told map[string]telling
	done bool
}

// operationPart is one target, and the processes that it meant when the operation came to it.
type operationPart struct {
	Text    string   `json:"text"`
	Members []member `json:"members,omitempty"`
	Amount  int      `json:"amount,omitempty"` // of instances, where it is about a number
	Fresh   []int    `json:"fresh,omitempty"`  // specs that were new, where it is about specs
	Result  string   `json:"result,omitempty"` // what it came to, where it is about no process
	At      int64    `json:"at"`               // for the order
}

// member is a process that an operation means. Numbers are given anew when none is left; unique ids are not.
type member struct {
	ID   app.ID `json:"id"`
	UID  string `json:"uid"`
	Name string `json:"name"`
}

// telling is the newest incarnation that a process had when it was told its part of an operation.
type telling struct {
	Part int    `json:"part"`
	Gen  uint64 `json:"gen"`
}

// mark is the last operation that told a process something. It is in the record of its life.
type mark struct {
	Op string `json:"op"`
	telling
}

// run is one time that an operation is asked for. It is nil for what has no id.
type run struct {
	*operation
	next int // the part that comes next
}

// part is where a run is while it is at one of its parts. The zero value is for what has no id.
type part struct {
	op *operation
	n  int
}

type (
	runKey  struct{}
	partKey struct{}
)

func runOf(ctx context.Context) *run {
	r, _ := ctx.Value(runKey{}).(*run)
	return r
}

func partOf(ctx context.Context) part {
	p, _ := ctx.Value(partKey{}).(part)
	return p
}

const (
	maxParts       = 1 << 16
	maxOperationID = 64
)

// Operation gives what is done with the context that it returns an id: see operation. "X/2" begins at the third part of X.
// It waits while the same operation is under way. end must be called. An empty id is none.
func (s *Supervisor) Operation(ctx context.Context, id string) (_ context.Context, end func(), err error) {
	if id == "" {
		return ctx, func() {}, nil
	}
	name, first, ok := parseOperation(id)
	if !ok {
		return ctx, nil, fmt.Errorf("%.70q is no id of an operation", id)
	}
	op := s.operations.get(name, s.book)
	select {
	case <-op.turn:
	case <-ctx.Done():
		return ctx, nil, ctx.Err()
	}
	r := &run{operation: op, next: first}
	return context.WithValue(ctx, runKey{}, r), func() {
		op.end()
		s.operations.tidy(s.book)
	}, nil
}

// IsOperation reports whether text can be the id of an operation, or none.
func IsOperation(text string) bool {
	_, _, ok := parseOperation(text)
	return ok || text == ""
}

func parseOperation(text string) (id string, first int, ok bool) {
	id, from, cut := strings.Cut(text, "/")
	if cut {
		n, err := strconv.Atoi(from)
		if err != nil || n < 0 || n > maxParts {
			return "", 0, false
		}
		first = n
	}
	odd := strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' })
	return id, first, id != "" && len(id) <= maxOperationID && !odd
}

// Asked returns what an operation that is asked for again was about the first time.
func Asked(ctx context.Context) []app.Selector {
	r := runOf(ctx)
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []app.Selector
	for i := r.next; i < len(r.parts); i++ {
		out = append(out, app.Selector(r.parts[i].Text))
	}
	return out
}

// end notes that nobody is at it any more. That is not written down: whoever asks again finds every process told.
func (o *operation) end() {
	o.mu.Lock()
	o.done = true
	o.mu.Unlock()
	o.turn <- struct{}{}
}

// recall returns what the next part was when it was begun before. It is an error if that was about something else.
func (r *run) recall(text string) (_ operationPart, n int, known bool, err error) {
	if r == nil {
		return operationPart{}, 0, false, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	n = r.next
	r.next++
	if n >= len(r.parts) || r.parts[n].At == 0 {
		return operationPart{}, n, false, nil
	}
	p := r.parts[n]
	if p.Text != text {
		return p, n, false, fmt.Errorf("%q, not %q: %w", text, p.Text, ErrOtherOperation)
	}
	return p, n, true, nil
}

// enter notes what a part is about, and returns what is to be written down; nil is nothing.
func (r *run) enter(n int, p operationPart) *entry {
	if r == nil || n > maxParts {
		return nil
	}
	p.At = time.Now().UnixNano()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.set(n, p)
	return &entry{keyOperation + r.id + "/" + strconv.Itoa(n), p}
}

// set puts a part where it belongs. Those before it that came to nothing are empty. Call it with mu held.
func (o *operation) set(n int, p operationPart) {
	for len(o.parts) <= n {
		o.parts = append(o.parts, operationPart{})
	}
	o.parts[n] = p
}

// during has what is told with the context that it returns be told as part n.
func (r *run) during(ctx context.Context, n int) context.Context {
	if r == nil {
		return ctx
	}
	return context.WithValue(ctx, partKey{}, part{r.operation, n})
}

// meant returns the processes that a target means: those that it meant the first time, if this is not that.
func (s *Supervisor) meant(ctx context.Context, text string, find func() ([]*keeper, error)) (context.Context, []*keeper, error) {
	r := runOf(ctx)
	p, n, known, err := r.recall(text)
	if err != nil {
		return ctx, nil, err
	}
	ctx = r.during(ctx, n)
	if known {
		return ctx, s.keepersOf(p.Members), nil
	}
	keepers, err := find()
	if err == nil && len(keepers) > 0 {
		s.book.operation(r.enter(n, operationPart{Text: text, Members: membersOf(keepers)}))
	}
	return ctx, keepers, err
}

// made returns the processes that a part has made: those that it made the first time, if this is not that. What create gets
// says what is to be written down together with them.
func (s *Supervisor) made(ctx context.Context, text string, create func(claim) ([]*keeper, error)) (context.Context, []*keeper, error) {
	r := runOf(ctx)
	p, n, known, err := r.recall(text)
	if err != nil {
		return ctx, nil, err
	}
	ctx = r.during(ctx, n)
	if known {
		return ctx, s.keepersOf(p.Members), nil
	}
	keepers, err := create(func(added []*keeper) *entry {
		return r.enter(n, operationPart{Text: text, Members: membersOf(added)})
	})
	return ctx, keepers, err
}

// planned returns what a part found: what it found the first time, if this is not that.
func (s *Supervisor) planned(ctx context.Context, text string, plan func() operationPart) (operationPart, error) {
	r := runOf(ctx)
	p, n, known, err := r.recall(text)
	if err != nil || known {
		return p, err
	}
	p = plan()
	p.Text = text
	s.book.operation(r.enter(n, p))
	return p, nil
}

// Once does a part of an operation that is about no process, and returns what it came to: what it came to the first time, if this is
// not that. What failed is done again, and so is what was done just when the supervisor died.
func (s *Supervisor) Once(ctx context.Context, text string, do func() (string, error)) (string, error) {
	r := runOf(ctx)
	p, n, known, err := r.recall(text)
	if err == nil && known {
		return p.Result, nil
	}
	result, err := do()
	if err == nil {
		s.book.operation(r.enter(n, operationPart{Text: text, Result: result}))
	}
	return result, err
}

// keepersOf returns the keepers of members; those that are gone by now are stood in for.
func (s *Supervisor) keepersOf(list []member) []*keeper {
	out := make([]*keeper, len(list))
	for i, m := range list {
		k := s.reg.get(m.ID)
		if k == nil || k.view.Load().UniqueID != m.UID {
			k = departed(m)
		}
		out[i] = k
	}
	return out
}

func membersOf(keepers []*keeper) []member {
	out := make([]member, len(keepers))
	for i, k := range keepers {
		v := k.view.Load()
		out[i] = member{k.id, v.UniqueID, v.Name}
	}
	return out
}

// departed stands for a process that was deleted. Nobody works on its mailbox.
func departed(m member) *keeper {
	k := &keeper{id: m.ID, mail: newMailbox(nil), done: make(chan struct{})}
	k.view.Store(&app.Process{ID: m.ID, Name: m.Name, UniqueID: m.UID, Status: app.Stopped, Spec: &app.Spec{Name: m.Name}})
	k.life.Store(&lifecycle.State{Want: lifecycle.Gone})
	close(k.done)
	return k
}

// has reports whether a process was told its part before, and which incarnation it had then.
func (p part) has(k *keeper) (gen uint64, yes bool) {
	if p.op == nil {
		return 0, false
	}
	p.op.mu.Lock()
	defer p.op.mu.Unlock()
	t, ok := p.op.told[k.view.Load().UniqueID]
	return t.Gen, ok && t.Part >= p.n
}

// tells notes that a process is told its part, and returns what its own record is to say of that.
func (p part) tells(k *keeper, gen uint64) mark {
	t := telling{p.n, gen}
	p.op.mu.Lock()
	defer p.op.mu.Unlock()
	p.op.note(k.proc.UniqueID, t)
	return mark{p.op.id, t}
}

// note is for who holds mu.
func (o *operation) note(uid string, t telling) {
	if o.told == nil {
		o.told = map[string]telling{}
	}
	o.told[uid] = t
}
