package supervisor

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"weaver/app"
	"weaver/supervisor/journal"
	"weaver/supervisor/lifecycle"
	"weaver/supervisor/spawn"
)

// What is in the journal, by key:
//
//	machine            which machine, boot and supervisor the rest is about
//	env/HASH           an environment; processes and specs share it
//	spec/HASH          a spec without its environment
//	process/ID         who a process is
//	life/ID            where it is in its life, with what is needed to find its children again
//	spare/ID           a spare worker had this number
//	exit/ID/GEN        how a child ended, written before its status is taken from the kernel
//	served, skipped    how starts of supervisors went: see JournalLife
//	operation/ID/N     the Nth part of an operation that somebody may ask for again
const (
	keyMachine   = "machine"
	keyEnv       = "env/"
	keySpec      = "spec/"
	keyProcess   = "process/"
	keyLife      = "life/"
	keyExit      = "exit/"
	keySpare     = "spare/"
	keyOperation = "operation/"
)

// JournalLife are the records by which a journal that nobody can start from is told from others.
var JournalLife = journal.Life{Began: keyMachine, Served: "served", Skipped: "skipped"}

// Served writes down that this supervisor's start went well.
func (s *Supervisor) Served() {
	if s.book.j == nil {
		return
	}
	s.book.mu.Lock()
	defer s.book.mu.Unlock()
	out := []journal.Record{{Key: JournalLife.Served, Value: strconv.AppendInt(nil, time.Now().UnixMilli(), 10)}}
	s.book.append(false, append(out, journal.Record{Key: JournalLife.Skipped, Gone: true}))
}

// machineRecord says whose pids and times the others hold.
type machineRecord struct {
	Boot     string `json:"boot,omitempty"`
	PIDSpace string `json:"pid_namespace,omitempty"`
	Identity string `json:"identity"`
}

type specRecord struct {
	Env  string   `json:"env"`
	Spec app.Spec `json:"spec"`
}

type processRecord struct {
	Spec        string `json:"spec"`
	Instance    int    `json:"instance"`
	UniqueID    string `json:"unique_id,omitempty"`
	NodeVersion string `json:"node_version,omitempty"`
	PIDPath     string `json:"pid_path,omitempty"`
	OutPath     string `json:"out_path,omitempty"`
	ErrPath     string `json:"error_path,omitempty"`
	LogPath     string `json:"log_path,omitempty"`
}

// lifeRecord is a lifecycle.State, its times in nanoseconds of the clock that counts from boot, sleep included: no setting
// of the clock changes when something is due.
type lifeRecord struct {
	Wall   int64 `json:"wall"` // when this was written, by both clocks
	Boot   int64 `json:"boot"`
	Wanted bool  `json:"wanted"` // to be started if nothing of it runs, as after a boot

	Want      uint8          `json:"want,omitempty"`
	Cur       *childRecord   `json:"cur,omitempty"`
	Old       *childRecord   `json:"old,omitempty"`
	RestartAt int64          `json:"restart_at,omitempty"`
	Auto      bool           `json:"auto,omitempty"`
	ReloadDue bool           `json:"reload_due,omitempty"`
	Backoff   time.Duration  `json:"backoff,omitempty"`
	Restarts  int            `json:"restarts,omitempty"`
	Unstable  int            `json:"unstable,omitempty"`
	RowSince  int64          `json:"row_since,omitempty"`
	Born      int64          `json:"born,omitempty"`
	GaveUp    bool           `json:"gave_up,omitempty"`
	Open      bool           `json:"open,omitempty"`      // the circuit
	InWindow  int            `json:"in_window,omitempty"` // restarts since WindowAt
	WindowAt  int64          `json:"window_since,omitempty"`
	Exit      *lifecycleExit `json:"exit,omitempty"`
	LastGen   uint64         `json:"last_gen,omitempty"`
	Unready   uint64         `json:"unready,omitempty"`
	Reason    string         `json:"reason,omitempty"`
	Member    string         `json:"membership,omitempty"`
	Version   string         `json:"version,omitempty"` // unless it is the spec's
	Started   int64          `json:"started,omitempty"`
	Mark      *mark          `json:"mark,omitempty"`
}

type lifecycleExit struct {
	Gen    uint64 `json:"gen"`
	Code   int    `json:"code,omitempty"`
	Signal int    `json:"signal,omitempty"`
	Err    string `json:"error,omitempty"`
	Core   bool   `json:"core,omitempty"`
	OOM    bool   `json:"oom,omitempty"`
	At     int64  `json:"at,omitempty"`
}

type childRecord struct {
	Gen     uint64 `json:"gen"`
	PID     int    `json:"pid,omitempty"`
	Since   int64  `json:"since,omitempty"`
	Ready   bool   `json:"ready,omitempty"`
	Said    bool   `json:"said,omitempty"`
	ReadyBy int64  `json:"ready_by,omitempty"`
	Asked   bool   `json:"asked,omitempty"`
	KillAt  int64  `json:"kill_at,omitempty"`
	DrainBy int64  `json:"drain_by,omitempty"`
	Dead    bool   `json:"dead,omitempty"`
	handle
}

// handle is what a child is found again by.
type handle struct {
	Start  uint64                     `json:"start,omitempty"` // with the pid, on one machine and boot, it names a process for good
	Group  string                     `json:"group,omitempty"` // the directory of its control group
	Why    string                     `json:"why,omitempty"`   // there is none
	Pipes  []pipeRecord               `json:"pipes,omitempty"`
	Bounds *boundsRecord              `json:"bounds,omitempty"` // nil: it has none
	Extra  map[string]json.RawMessage `json:"extra,omitempty"`  // what others keep for it, by who
}

// boundsRecord is what a child may use, and what holds that.
type boundsRecord struct {
	spawn.Bounds
	Holds []spawn.Hold `json:"holds"`
}

// pipeRecord is a log pipe.
type pipeRecord struct {
	Stream app.Stream `json:"stream"`
	Inode  uint64     `json:"inode"`
}

// exitRecord is how a child ended.
type exitRecord struct {
	Code   int   `json:"code"`
	Signal int   `json:"signal,omitempty"`
	Core   bool  `json:"core,omitempty"`
	OOM    bool  `json:"oom,omitempty"`
	Lost   bool  `json:"lost,omitempty"`
	Boot   int64 `json:"boot"`
}

// epoch ties the two clocks together.
type epoch struct {
	now  time.Time
	boot int64
}

func epochNow() epoch { return epoch{time.Now(), sinceBoot()} }

// ns is a time by the clock that counts from boot. Never is 0.
func (e epoch) ns(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	n := e.boot + int64(t.Sub(e.now))
	if n == 0 { // the very moment of the boot is not never
		n = 1
	}
	return n
}

func (e epoch) time(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return e.now.Add(time.Duration(ns - e.boot))
}

// lifeOf writes down a process's life.
func lifeOf(e epoch, s *lifecycle.State, p *app.Process, wanted bool, handleOf func(gen uint64) handle) lifeRecord {
	child := func(c *lifecycle.Child) *childRecord {
		if c.Gen == 0 {
			return nil
		}
		return &childRecord{
			Gen: c.Gen, PID: c.PID, Since: e.ns(c.Since), Ready: c.Ready, Said: c.Said, ReadyBy: e.ns(c.ReadyBy), Asked: c.Asked,
			KillAt: e.ns(c.KillAt), DrainBy: e.ns(c.DrainBy), Dead: c.Dead, handle: handleOf(c.Gen),
		}
	}
	r := lifeRecord{
		Wall: e.now.UnixNano(), Boot: e.boot, Wanted: wanted,
		Want: uint8(s.Want), Cur: child(&s.Cur), Old: child(&s.Old), RestartAt: e.ns(s.RestartAt), Auto: s.Auto,
		ReloadDue: s.ReloadDue, Backoff: s.Backoff, Restarts: s.Restarts, Unstable: s.Unstable, RowSince: e.ns(s.RowSince),
		Born: e.ns(s.Born), GaveUp: s.GaveUp, Open: s.Open, InWindow: s.InWindow, WindowAt: e.ns(s.WindowSince),
		LastGen: s.LastGen, Unready: s.Unready, Reason: p.Reason, Member: p.Membership, Started: e.ns(p.Started),
	}
	if p.Spec != nil && p.Version != p.Spec.Version {
		r.Version = p.Version
	}
	if x := s.Exit; x.Gen != 0 {
		r.Exit = &lifecycleExit{Gen: x.Gen, Code: x.Code, Signal: x.Signal, Err: x.Err, At: e.ns(x.At)}
		if v := p.Exit; v != nil && v.Gen == x.Gen {
			r.Exit.Core, r.Exit.OOM = v.Core, v.OOM
		}
	}
	return r
}

// state is the life that was written down, its times as of e.
func (r *lifeRecord) state(e epoch) lifecycle.State {
	child := func(c *childRecord) lifecycle.Child {
		if c == nil {
			return lifecycle.Child{}
		}
		return lifecycle.Child{
			Gen: c.Gen, PID: c.PID, Since: e.time(c.Since), Ready: c.Ready, Said: c.Said, ReadyBy: e.time(c.ReadyBy), Asked: c.Asked,
			KillAt: e.time(c.KillAt), DrainBy: e.time(c.DrainBy), Dead: c.Dead,
		}
	}
	s := lifecycle.State{
		Want: lifecycle.Want(r.Want), Cur: child(r.Cur), Old: child(r.Old), RestartAt: e.time(r.RestartAt), Auto: r.Auto,
		ReloadDue: r.ReloadDue, Backoff: r.Backoff, Restarts: r.Restarts, Unstable: r.Unstable, RowSince: e.time(r.RowSince),
		Born: e.time(r.Born), GaveUp: r.GaveUp, Open: r.Open, InWindow: r.InWindow, WindowSince: e.time(r.WindowAt),
		LastGen: r.LastGen, Unready: r.Unready,
	}
	if x := r.Exit; x != nil {
		s.Exit = lifecycle.ExitInfo{Gen: x.Gen, Code: x.Code, Signal: x.Signal, Err: x.Err, At: e.time(x.At)}
	}
	return s
}

// handles returns what the children of the record are found by, by generation.
func (r *lifeRecord) handles() map[uint64]handle {
	m := map[uint64]handle{}
	for _, c := range []*childRecord{r.Cur, r.Old} {
		if c != nil {
			m[c.Gen] = c.handle
		}
	}
	return m
}

// appendEnv writes an environment: names and values, each with its length before it.
func appendEnv(b []byte, env app.Env) []byte {
	for i := range env {
		for _, s := range [...]string{env[i].Name, env[i].Value} {
			b = binary.AppendUvarint(b, uint64(len(s)))
			b = append(b, s...)
		}
	}
	return b
}

var errShort = errors.New("it is cut short")

// parseEnv reads what appendEnv wrote.
func parseEnv(b []byte) (app.Env, error) {
	var words []string
	for len(b) > 0 {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > uint64(len(b)-size) {
			return nil, fmt.Errorf("read an environment: %w", errShort)
		}
		words = append(words, string(b[size:size+int(n)]))
		b = b[size+int(n):]
	}
	if len(words)%2 != 0 {
		return nil, fmt.Errorf("read an environment: %w", errShort)
	}
	env := make(app.Env, 0, len(words)/2)
	for i := 0; i < len(words); i += 2 {
		env = append(env, app.Var{Name: words[i], Value: words[i+1]})
	}
	return env, nil
}
