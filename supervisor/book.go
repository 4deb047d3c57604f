package supervisor

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"weaver/app"
	"weaver/supervisor/journal"
	"weaver/supervisor/lifecycle"
	"weaver/supervisor/spawn"
)

// book writes the journal. The zero value writes nothing.
type book struct {
	j   *journal.Journal
	now func() epoch

	mu     sync.Mutex
	closed bool // what happens from now on is not to be known to the next supervisor
	specs  map[string]*sharedSpec
	envs   map[string]int  // specs that have this environment
	exits  map[string]bool // keys that are still there
	// The last spec that was encoded: instances share one.
	lastSpec *app.Spec
	lastKey  string
	buf      []byte
}

type sharedSpec struct {
	env   string
	users int
}

func newBook(j *journal.Journal, clock func() epoch) *book {
	if clock == nil {
		clock = epochNow
	}
	return &book{j: j, now: clock, specs: map[string]*sharedSpec{}, envs: map[string]int{}, exits: map[string]bool{}}
}

func hashOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:12])
}

func recordOf(key string, v any) journal.Record {
	data, err := json.Marshal(v)
	if err != nil { // raw JSON that somebody broke after it was validated
		panic("internal: encode " + key + ": " + err.Error())
	}
	return journal.Record{Key: key, Value: data}
}

// enter writes down processes that are new, and with them what c says. up: they are about to be told to start, which is what the
// next supervisor finds if this one does not come to it.
func (b *book) enter(keepers []*keeper, up bool, c claim) {
	if b.j == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []journal.Record
	now := b.now()
	for _, k := range keepers {
		out = b.shareSpec(out, k, k.proc.Spec)
		out = append(out, k.processRecord(), k.lifeRecord(now))
		if up {
			due := lifecycle.State{Want: lifecycle.Up, RestartAt: now.now}
			out[len(out)-1] = recordOf(keyLife+k.id.String(), lifeOf(now, &due, &k.proc, true, func(uint64) handle { return handle{} }))
		}
	}
	if c != nil {
		if e := c(keepers); e != nil {
			out = append(out, e.record())
		}
	}
	b.append(true, out)
}

// spare writes down that a number is a spare's, which the next supervisor ends: what comes after has other numbers.
func (b *book) spare(id app.ID, yes bool) {
	if b.j == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.append(false, []journal.Record{{Key: keySpare + id.String(), Value: []byte("{}"), Gone: !yes}})
}

// keep writes down, or out, what is of no process.
func (b *book) keep(r journal.Record) {
	if b.j == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.append(false, []journal.Record{r})
}

// take goes on with what the journal holds, of which keepers were made, and more. What nobody needs is taken out.
func (b *book) take(values map[string][]byte, keepers []*keeper, more ...journal.Record) {
	if b.j == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	known := map[string]bool{}
	for _, k := range keepers {
		known[k.id.String()] = true
		shared := b.specs[k.specKey]
		if shared == nil {
			var r specRecord
			_ = json.Unmarshal(values[keySpec+k.specKey], &r) // it was read before
			shared = &sharedSpec{env: r.Env}
			b.specs[k.specKey] = shared
			b.envs[r.Env]++
		}
		shared.users++
	}
	out := slices.Clone(more)
	for _, key := range slices.Sorted(maps.Keys(values)) {
		kind, rest, _ := strings.Cut(key, "/")
		id, _, _ := strings.Cut(rest, "/")
		switch kind + "/" {
		case keyEnv:
			if b.envs[rest] > 0 {
				continue
			}
		case keySpec:
			if b.specs[rest] != nil {
				continue
			}
		case keyExit:
			if known[id] {
				b.exits[key] = true
				continue
			}
		case keySpare:
		case keyProcess, keyLife:
			if known[id] {
				continue
			}
		default: // of another version of weaver, perhaps
			continue
		}
		out = append(out, journal.Record{Key: key, Gone: true})
	}
	b.append(true, out)
}

// append writes records. Call it with mu held.
func (b *book) append(durable bool, out []journal.Record) {
	if !b.closed {
		b.j.Append(durable, out...)
	}
}

// note writes down where a process is in its life, and its new spec if it has one.
func (b *book) note(k *keeper, durable, respecified bool) {
	if b.j == nil || k.proc.Spare {
		return
	}
	life := k.lifeRecord(b.now())
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]journal.Record, 0, 4)
	if respecified {
		old := k.specKey
		out = b.shareSpec(out, k, k.proc.Spec)
		out = append(out, k.processRecord())
		out = b.unshareSpec(out, old)
	}
	out = append(out, life)
	if gen := k.buried; gen != 0 {
		k.buried = 0
		if key := exitKey(k.id, gen); b.exits[key] {
			delete(b.exits, key)
			out = append(out, journal.Record{Key: key, Gone: true})
		}
	}
	b.append(durable, out)
}

// forget takes a process out.
func (b *book) forget(k *keeper) {
	if b.j == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	out := []journal.Record{{Key: keyProcess + k.id.String(), Gone: true}, {Key: keyLife + k.id.String(), Gone: true}}
	for _, key := range slices.Sorted(maps.Keys(b.exits)) {
		if strings.HasPrefix(key, keyExit+k.id.String()+"/") {
			delete(b.exits, key)
			out = append(out, journal.Record{Key: key, Gone: true})
		}
	}
	b.append(true, b.unshareSpec(out, k.specKey))
}

// exit writes down how a child ended, before anybody acts on it.
func (b *book) exit(id app.ID, gen uint64, x spawn.Exit) {
	if b.j == nil {
		return
	}
	r := recordOf(exitKey(id, gen), exitRecord{
		Code: x.Code, Signal: int(x.Signal), Core: x.Core, OOM: x.OOM, Lost: x.Lost, Boot: b.now().ns(x.At),
	})
	b.mu.Lock()
	defer b.mu.Unlock()
	b.exits[r.Key] = true
	b.append(false, []journal.Record{r})
}

func exitKey(id app.ID, gen uint64) string {
	return keyExit + id.String() + "/" + strconv.FormatUint(gen, 10)
}

// close has nothing written any more but the last words: what the next supervisor is to find.
func (b *book) close() {
	if b.j == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
}

// leave writes down that the processes are to be started again by the next supervisor, if they were wanted.
func (b *book) leave(last map[app.ID]lastWish) error {
	if b.j == nil {
		return nil
	}
	now := b.now()
	var out []journal.Record
	for id, w := range last {
		s := afresh(w.state, w.process.Wanted, now.now)
		r := lifeOf(now, &s, &w.process, w.process.Wanted, func(uint64) handle { return handle{} })
		out = append(out, recordOf(keyLife+id.String(), r))
	}
	b.j.Append(true, out...)
	return b.j.Sync()
}

type lastWish struct {
	state   lifecycle.State
	process app.Process
}

// shareSpec gives the process a spec that is in the journal, putting it there if it is not. Call it with mu held.
func (b *book) shareSpec(out []journal.Record, k *keeper, spec *app.Spec) []journal.Record {
	if b.lastSpec == spec && b.specs[b.lastKey] != nil {
		k.specKey = b.lastKey
		b.specs[k.specKey].users++
		return out
	}
	env := appendEnv(b.buf[:0], spec.Env)
	b.buf = env[:0]
	r := specRecord{Env: hashOf(env), Spec: *spec}
	r.Spec.Env = nil
	data := recordOf("", r)
	key := hashOf(data.Value)
	k.specKey, b.lastSpec, b.lastKey = key, spec, key
	if shared := b.specs[key]; shared != nil {
		shared.users++
		return out
	}
	b.specs[key] = &sharedSpec{env: r.Env, users: 1}
	if b.envs[r.Env]++; b.envs[r.Env] == 1 {
		out = append(out, journal.Record{Key: keyEnv + r.Env, Value: append([]byte(nil), env...)})
	}
	return append(out, journal.Record{Key: keySpec + key, Value: data.Value})
}

// unshareSpec gives a spec back; one that nobody has goes. Call it with mu held.
func (b *book) unshareSpec(out []journal.Record, key string) []journal.Record {
	shared := b.specs[key]
	if shared == nil {
		return out
	}
	if shared.users--; shared.users > 0 {
		return out
	}
	delete(b.specs, key)
	out = append(out, journal.Record{Key: keySpec + key, Gone: true})
	if b.envs[shared.env]--; b.envs[shared.env] == 0 {
		delete(b.envs, shared.env)
		out = append(out, journal.Record{Key: keyEnv + shared.env, Gone: true})
	}
	return out
}

func (k *keeper) processRecord() journal.Record {
	p := &k.proc
	return recordOf(keyProcess+k.id.String(), processRecord{
		Spec: k.specKey, Instance: p.Instance, UniqueID: p.UniqueID, NodeVersion: p.NodeVersion, PIDPath: p.PIDPath,
		OutPath: p.OutPath, ErrPath: p.ErrorPath, LogPath: p.LogPath,
	})
}

func (k *keeper) lifeRecord(now epoch) journal.Record {
	r := lifeOf(now, &k.state, &k.proc, k.view.Load().Wanted, func(gen uint64) handle {
		if c := k.kids[gen]; c != nil {
			return c.Handle()
		}
		return handle{}
	})
	if k.mark.Op != "" {
		r.Mark = &k.mark
	}
	return recordOf(keyLife+k.id.String(), r)
}
