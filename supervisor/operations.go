package supervisor

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"weaver/supervisor/journal"
)

// How much is remembered of operations that are done: who lost the connection asks again within seconds.
const (
	operationsKept = 64
	membersKept    = 4096 // of all of them together
)

// operations are those that somebody may ask for again, the oldest first.
type operations struct {
	mu   sync.Mutex
	byID map[string]*operation
	list []*operation
}

// claim says what is to be written down about processes together with them; nil is nothing.
type claim func(added []*keeper) *entry

// entry is a part of an operation as it is to be written down.
type entry struct {
	key  string
	part operationPart
}

func (e *entry) record() journal.Record { return recordOf(e.key, e.part) }

// toldName stands where the number of a part is, in the key of what a former supervisor had told.
const toldName = "told"

// get returns the operation of that id, a new one if nobody knows it.
func (s *operations) get(id string, b *book) *operation {
	s.mu.Lock()
	defer s.mu.Unlock()
	if op := s.byID[id]; op != nil {
		return op
	}
	return s.add(id, b)
}

// add knows one more. Call it with mu held.
func (s *operations) add(id string, b *book) *operation {
	op := &operation{id: id, book: b, turn: make(chan struct{}, 1)}
	op.turn <- struct{}{}
	if s.byID == nil {
		s.byID = map[string]*operation{}
	}
	s.byID[id] = op
	s.list = append(s.list, op)
	return op
}

// tidy forgets the oldest that are done, if there are too many.
func (s *operations) tidy(b *book) {
	s.mu.Lock()
	defer s.mu.Unlock()
	members, left := 0, len(s.list)
	for _, op := range s.list {
		members += op.size()
	}
	if left <= operationsKept && members <= membersKept {
		return
	}
	var old []*operation
	s.list = slices.DeleteFunc(s.list, func(op *operation) bool {
		if left <= operationsKept && members <= membersKept || !op.idle() {
			return false
		}
		left--
		members -= op.size()
		delete(s.byID, op.id)
		old = append(old, op)
		return true
	})
	b.forgetOperations(old)
}

// idle reports that it is done and nobody is at it, or about to be.
func (o *operation) idle() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.done && len(o.turn) > 0
}

func (o *operation) size() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := 1
	for i := range o.parts {
		n += len(o.parts[i].Members)
	}
	return n
}

// resume goes on with what a former supervisor knew: its operations, and who was told what. It returns what is to be written
// down: another operation may mark a process before this one is asked for again.
func (s *operations) resume(values map[string][]byte, list []remembered, b *book) (out []journal.Record, problems []error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, data := range values {
		rest, ok := strings.CutPrefix(key, keyOperation)
		if !ok {
			continue
		}
		id, name, _ := strings.Cut(rest, "/")
		op := s.byID[id]
		if op == nil {
			op = s.add(id, b)
			op.done = true // nobody is at it any more: it is kept as long as any other
		}
		if err := op.read(name, data); err != nil {
			problems = append(problems, fmt.Errorf("operation %s: %w", rest, err))
		}
	}
	marked := map[*operation]bool{}
	for i := range list {
		m := list[i].life.Mark
		if m == nil || s.byID[m.Op] == nil {
			continue
		}
		op := s.byID[m.Op]
		op.note(list[i].process.UniqueID, m.telling)
		marked[op] = true
	}
	for op := range marked {
		out = append(out, recordOf(keyOperation+op.id+"/"+toldName, op.told))
	}
	slices.SortFunc(s.list, func(a, b *operation) int { return cmp.Compare(a.begun(), b.begun()) })
	return out, problems
}

// read takes one record of it.
func (o *operation) read(name string, data []byte) error {
	if name == toldName {
		return json.Unmarshal(data, &o.told)
	}
	n, err := strconv.Atoi(name)
	if err != nil || n < 0 || n > maxParts {
		return fmt.Errorf("%q is no part", name)
	}
	var p operationPart
	if err := json.Unmarshal(data, &p); err != nil {
		return err
	}
	o.set(n, p)
	return nil
}

// begun is when its first part was.
func (o *operation) begun() int64 {
	for i := range o.parts {
		if at := o.parts[i].At; at != 0 {
			return at
		}
	}
	return 0
}

// operation writes down a part of one; nil is none.
func (b *book) operation(e *entry) {
	if b.j == nil || e == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.append(false, []journal.Record{e.record()})
}

func (b *book) forgetOperations(old []*operation) {
	if b.j == nil {
		return
	}
	var out []journal.Record
	for _, op := range old {
		op.mu.Lock()
		for n := range op.parts {
			out = append(out, journal.Record{Key: keyOperation + op.id + "/" + strconv.Itoa(n), Gone: true})
		}
		op.mu.Unlock()
		out = append(out, journal.Record{Key: keyOperation + op.id + "/" + toldName, Gone: true})
	}
	if len(out) == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.append(false, out)
}
