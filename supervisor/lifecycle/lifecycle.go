package lifecycle

import "time"

// Want is what was last asked of a process. The zero value is Down.
type Want uint8

// The three wishes. Gone is final: whatever is asked later, the process ends and its keeper with it.
const (
	Down Want = iota
	Up
	Gone
)

// String returns the wish in one lower-case word, for logs.
func (w Want) String() string {
	switch w {
	case Up:
		return "up"
	case Gone:
		return "gone"
	default:
		return "down"
	}
}

// Hold says why a child that is due is not spawned. The zero value is that nothing holds it.
type Hold uint8

// The holds. Whatever the machine is told of them, the child stays due: Clear spawns it.
const (
	Free    Hold = iota
	Waiting      // for what it needs
	Blocked      // what it needs has failed
	Asleep       // nobody needs it now
)

// Child is one incarnation of the process. The zero value, told by its Gen, is none.
type Child struct {
	Gen     uint64    // number of the incarnation, from 1; never used twice
	PID     int       // 0 until Spawned. Of a Dead child it is history and may belong to a stranger by now
	Since   time.Time // when it was spawned, at first when that was asked for
	Ready   bool      // came online
	Said    bool      // that it is ready it said itself: by Ready, however late
	ReadyBy time.Time // when waiting for Ready ends: it counts as ready, or the reload has failed
	Asked   bool      // asked to die, at most once
	DrainBy time.Time // when it must have finished what it began: it takes nothing new, and gets its Term then
	KillAt  time.Time // when it, or what is left of its tree, is killed (again)
	Dead    bool      // the main process exited, others of its tree remain
}

// Alive reports whether the main process exists or is being spawned, also when it was asked to die.
func (c Child) Alive() bool { return c.Gen != 0 && !c.Dead }

// Dying reports whether the child is on its way out: asked to die, or only survivors of its tree are left.
func (c Child) Dying() bool { return c.Asked || c.Dead }

// serving reports whether the child is alive and nobody asked it to die.
func (c Child) serving() bool { return c.Gen != 0 && !c.Asked && !c.Dead }

// ExitInfo tells how an incarnation ended.
type ExitInfo struct {
	Gen    uint64
	Code   int    // exit code; 0 if Signal or Err is set
	Signal int    // the signal that ended it, or 0
	Err    string // why it never ran, or why its status is unknown
	At     time.Time
}

// State is everything the machine remembers about one process. The zero value is a stopped process that never ran.
// It has no pointers of its own, so it can be copied, compared and written to a journal as JSON.
type State struct {
	Want Want

	Cur Child // the incarnation that counts
	Old Child // the one before it: serves during an overlapping reload, then drains

	RestartAt time.Time // when the next child is due; zero is never
	Auto      bool      // the child due at RestartAt is an automatic restart, counted when it is spawned
	Hold      Hold      // the child is due, and held back until Clear
	ReloadDue bool      // reload by overlap once Cur is ready and Old has left

	Backoff     time.Duration // last delay given by Policy.ExpBackoff (PM2's prev_restart_delay)
	Restarts    int           // PM2's restart_time
	Unstable    int           // quick exits in a row (PM2's unstable_restarts)
	RowSince    time.Time     // start of the first run of that row
	Born        time.Time     // last operator action; zero after giving up (PM2's created_at)
	GaveUp      bool
	Open        bool // the circuit is open: the child that is due, or runs, is a trial
	InWindow    int  // automatic restarts since WindowSince
	WindowSince time.Time
	Exit        ExitInfo // how the last incarnation ended
	Unready     uint64   // the last incarnation that did not take over since it was not ready in time
	LastGen     uint64   // the newest incarnation ever spawned
}

// Policy is what the user chose for the process. It may change between steps.
type Policy struct {
	AutoRestart  bool
	MinUptime    time.Duration // a run shorter than this is a quick exit
	MaxRestarts  int           // quick exits in a row that make it give up; 0 gives up on any exit, negative never
	RestartDelay time.Duration // pause before each automatic restart
	ExpBackoff   time.Duration // first pause of a growing one; wins over RestartDelay, as in PM2
	BackoffReset time.Duration // uptime after which Backoff starts again; 0 is never

	Growth     Growth        // how RestartDelay grows with quick exits in a row; wins over ExpBackoff
	BackoffCap time.Duration // the longest delay by Growth; 0 is backoffCap
	Jitter     float64       // 0..1: that part of a delay by Growth is left to chance
	Window     time.Duration // with it MaxRestarts counts all automatic restarts in that time, quick or not
	Breaker    int           // quick exits in a row that open the circuit; 0 is no circuit
	OpenFor    time.Duration // how long it stays open before the next trial

	StopExitCodes []int // exit codes after which it is not restarted

	KillTimeout   time.Duration // from Term to Kill
	WaitReady     bool          // online when the child says so, not when it is spawned
	ListenTimeout time.Duration // from Spawned until a child that must say so counts as ready
	ReloadTimeout time.Duration // the same for a child that replaces one that said so; it has failed then. 0 is ListenTimeout
	DrainTimeout  time.Duration // how long one that is replaced may finish what it began; 0 is not at all
	Overlap       bool          // a reload may start the new child before the old one ends
	TreeKill      bool          // the whole tree must be gone before the next Spawn or the end
	Gated         bool          // a child that is due is spawned only after an Await was answered by Clear
}

// Growth is how a delay between restarts grows. The zero value is as Policy.ExpBackoff says.
type Growth uint8

// The growths.
const (
	PM2s     Growth = iota // ExpBackoff, or the same delay each time
	Linear                 // n × RestartDelay before the n-th restart in a row
	Doubling               // none before the first, then RestartDelay, twice that, …
)

// Input is something that happened or was asked. The set is closed.
type Input interface{ input() }

type (
	// Start asks for a running process. One that runs already stays as it is.
	Start struct{}

	// Stop asks for no process. An errored one becomes stopped.
	Stop struct{}

	// Delete asks for no process, for good. With Drain what runs may finish what it began, as in a reload.
	Delete struct{ Drain bool }

	// Restart asks for a newer incarnation. With a Gen it comes from someone who watched that incarnation, and does
	// nothing unless it is the current one and still undisturbed; 0 is any.
	Restart struct{ Gen uint64 }

	// Reload is a Restart that keeps the old child until the new one is ready, where Policy.Overlap allows. Gen as in Restart.
	Reload struct{ Gen uint64 }

	// Spawned answers a Spawn. PID is positive. A spawn that did not work is Exited with Err, and no Spawned.
	Spawned struct {
		Gen   uint64
		PID   int
		Since time.Time // when it began to run; zero is now
	}

	// Ready tells that the child is ready: it said so, it listens, or a probe found it well.
	Ready struct{ Gen uint64 }

	// Drained tells that the child, having been told to Drain, has nothing left to finish.
	Drained struct{ Gen uint64 }

	// Exited tells that the main process ended. It comes once for every Spawn.
	Exited struct {
		Gen    uint64
		Code   int
		Signal int
		Err    string
	}

	// Empty tells, after Exited, that no process of the child's tree is left. It is due, with Policy.TreeKill, for
	// every child that was Spawned, at once if there are no survivors.
	Empty struct{ Gen uint64 }

	// Clear answers an Await: nothing is in the way of the child that is due. It may come long after, and only once counts.
	Clear struct{}

	// Wait answers an Await, and may come again when there is news: the child has to wait, Hold says what for.
	Wait struct{ Hold Hold }

	// Idle tells that nobody needs the child now. It is asked to die, and the next one is due, and awaited.
	Idle struct{ Gen uint64 }

	// Tick tells that the State's Deadline has come.
	Tick struct{}

	// Reset zeroes the counters. It starts, stops and revives nothing.
	Reset struct{}
)

func (Start) input()   {}
func (Stop) input()    {}
func (Delete) input()  {}
func (Restart) input() {}
func (Reload) input()  {}
func (Spawned) input() {}
func (Ready) input()   {}
func (Drained) input() {}
func (Exited) input()  {}
func (Empty) input()   {}
func (Clear) input()   {}
func (Wait) input()    {}
func (Idle) input()    {}
func (Tick) input()    {}
func (Reset) input()   {}

// Effect is something the keeper must do, in the order given. The set is closed.
type Effect interface{ effect() }

type (
	// Spawn starts incarnation Gen; the answer is Spawned or Exited. It is always the last effect of a step.
	Spawn struct{ Gen uint64 }

	// Await asks whether the child that is due may be spawned; the answer is Clear or Wait. It is always the last effect of
	// a step.
	Await struct{}

	// Drain has the incarnation take nothing new and finish what it began. Its Term follows, at Drained or when time is up.
	Drain struct{ Gen uint64 }

	// Term asks the incarnation, or what is left of its tree, to end. It comes at most once for each Gen, and after Spawned.
	Term struct{ Gen uint64 }

	// Kill ends the incarnation's whole tree, or what is left of it. It is repeated until that worked.
	Kill struct{ Gen uint64 }

	// Emit tells the world. Details of an exit are in State.Exit.
	Emit struct {
		What  What
		Gen   uint64
		Delay time.Duration // until the restart, for WhatRestarting only
		Asked bool          // of WhatExited: it was asked to end
	}
)

func (Spawn) effect() {}
func (Await) effect() {}
func (Drain) effect() {}
func (Term) effect()  {}
func (Kill) effect()  {}
func (Emit) effect()  {}

// What names an event in the life of a process.
type What uint8

// The events. Stopped, Errored and Gone come when the process has come to rest: nothing of it is left.
const (
	WhatStarting     What = iota + 1 // Gen is about to be spawned
	WhatOnline                       // Gen is ready
	WhatStopping                     // Gen was asked to die
	WhatExited                       // the main process of Gen ended
	WhatRestarting                   // a new incarnation will follow Gen in Delay, by itself
	WhatReloadFailed                 // Gen ended before it was ready, or is ended since it was not in time; the one before it goes on
	WhatStopped                      // at rest, and will stay
	WhatErrored                      // at rest, given up after too many quick exits
	WhatGone                         // at rest for ever; the keeper ends
	WhatOpened                       // too many failures: the circuit is open, the next try is a trial
	WhatClosed                       // a trial lasted: the circuit is closed
	WhatUnready                      // Gen did not say that it is ready in time, and counts as ready
)

var whats = [...]string{
	WhatStarting: "starting", WhatOnline: "online", WhatStopping: "stopping", WhatExited: "exited", WhatRestarting: "restarting",
	WhatReloadFailed: "reload failed", WhatStopped: "stopped", WhatErrored: "errored", WhatGone: "gone",
	WhatOpened: "circuit opened", WhatClosed: "circuit closed", WhatUnready: "not ready in time",
}

// String returns the event in lower-case words, for logs.
func (w What) String() string {
	if int(w) < len(whats) && w != 0 {
		return whats[w]
	}
	return "unknown"
}
