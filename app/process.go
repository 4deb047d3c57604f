package app

import (
	"strconv"
	"time"
)

// ID numbers a process. Numbers are given in order and, as in PM2, start at 0 again once nothing is left.
type ID int

func (id ID) String() string { return strconv.Itoa(int(id)) }

// Status is the word shown for a process. It is derived from the state machine, never stored.
type Status string

// The words, PM2's.
const (
	Launching      Status = "launching"
	Online         Status = "online"
	Stopping       Status = "stopping"
	Stopped        Status = "stopped"
	Errored        Status = "errored"
	WaitingRestart Status = "waiting restart"
)

// Process is what is: one instance of an app, as it was at one moment.
type Process struct {
	ID        ID     `json:"id"`
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	Instance  int    `json:"instance"` // 0.. within the app: NODE_APP_INSTANCE
	Mode      Mode   `json:"mode"`

	Status Status `json:"status"`
	// Wanted says that the process is meant to run: it was not stopped, and did not come to a wanted end.
	Wanted bool `json:"wanted"`
	// PID of the main process; 0 when none runs.
	PID int `json:"pid"`
	// Gen counts incarnations; each spawn has the next one.
	Gen uint64 `json:"gen"`
	// Started is when the last incarnation was spawned, Created when an operator last (re)started it.
	Started time.Time `json:"started,omitzero"`
	Created time.Time `json:"created,omitzero"`
	// RestartAt is when a pending restart is due; zero when none is.
	RestartAt time.Time `json:"restart_at,omitzero"`
	// KillAt is when what has been asked to end will be killed; zero when nothing is to end.
	KillAt   time.Time `json:"kill_at,omitzero"`
	Backoff  Duration  `json:"backoff,omitempty"`
	Restarts int       `json:"restarts"`
	Unstable int       `json:"unstable_restarts"`
	Exit     *Exit     `json:"exit,omitempty"` // how the last incarnation ended
	// Reason says in words why the process is where it is, when there is something to say ("exec …: permission denied").
	Reason string `json:"reason,omitempty"`
	// WaitsFor is what is in the way of a process that is due. Shared by readers: never changed in place.
	WaitsFor []Awaited `json:"waits_for,omitempty"`
	// OnDemand says that it is stopped until somebody connects.
	OnDemand bool `json:"on_demand,omitempty"`

	Usage Usage `json:"usage"`
	// Health is what the probes of the current incarnation last found; nil if none has found anything.
	Health *HealthState `json:"health,omitempty"`
	// Reported is what the current incarnation told of itself; nil if nothing. Shared by readers: never changed in place.
	Reported *Reported `json:"reported,omitempty"`
	// Membership says how weaver knows which processes belong to this one ("cgroup2", "session+marker").
	Membership string `json:"membership,omitempty"`
	// Ceilings are the limits on the tree of the incarnation that runs.
	Ceilings []Ceiling `json:"ceilings,omitempty"`

	// Spare says that this is no instance, but waits to be one, or stands in for one; see Spec.Warm. Lists do not have it.
	Spare bool `json:"spare,omitempty"`

	User     string `json:"user,omitempty"`
	Watching bool   `json:"watching"`
	Version  string `json:"version,omitempty"`
	// NodeVersion is that of the interpreter, when it is node and has been asked.
	NodeVersion string `json:"node_version,omitempty"`
	UniqueID    string `json:"unique_id,omitempty"`

	// The files of this instance, "-<id>" put in where it belongs. "/dev/null" stores nothing.
	OutPath   string `json:"out_path,omitempty"`
	ErrorPath string `json:"error_path,omitempty"`
	LogPath   string `json:"log_path,omitempty"`
	PIDPath   string `json:"pid_path,omitempty"`

	Spec *Spec `json:"spec,omitempty"` // shared by readers: never changed in place
}

// SpareReady is the state of a spare that can take over at once.
const SpareReady = "ready"

// Spare is a spare worker, as people are told of it.
type Spare struct {
	ID    ID     `json:"id"` // what it has as an instance
	PID   int    `json:"pid"`
	State string `json:"state"` // "loading", "ready", "standing in for 3", …
}

// Ceiling is a limit on a whole process tree.
type Ceiling struct {
	What  string `json:"what"`  // "cpu", "memory", "pids", "io"
	Limit string `json:"limit"` // "50% of a core", "512M"
	// By is what holds it. Empty: nothing here can, and Why says why not.
	By  string `json:"by,omitempty"`
	Why string `json:"why,omitempty"` // also why there is no better means
}

// String says it in one line.
func (c *Ceiling) String() string {
	switch {
	case c.By == "":
		return c.Limit + ", NOT HELD: " + c.Why
	case c.Why != "":
		return c.Limit + ", by " + c.By + " (" + c.Why + ")"
	}
	return c.Limit + ", by " + c.By
}

// Exit is how an incarnation ended.
type Exit struct {
	Gen    uint64    `json:"gen"`
	Code   int       `json:"code"`
	Signal string    `json:"signal,omitempty"` // "SIGKILL"
	Core   bool      `json:"core,omitempty"`
	OOM    bool      `json:"oom,omitempty"`
	Err    string    `json:"error,omitempty"` // it could not be run at all
	At     time.Time `json:"at"`
}

// Usage is what the whole tree below a process uses.
type Usage struct {
	At      time.Time `json:"at,omitzero"`
	CPU     float64   `json:"cpu"`    // percent of one core
	Memory  Bytes     `json:"memory"` // resident
	Threads int       `json:"threads,omitempty"`
	Procs   int       `json:"procs,omitempty"`
	// CPUTime is what has been used in all, children that have ended included.
	CPUTime time.Duration `json:"-"`
}

// Alive reports that a process runs in some form: it has a pid.
func (p *Process) Alive() bool { return p.PID != 0 }
