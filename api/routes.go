package api

import (
	"strconv"
	"time"

	"weaver/app"
)

// Version is the number in every path. It changes when an old client could misunderstand a new daemon.
const Version = 1

// Host is the only Host header that the daemon answers besides "localhost": a page in a browser cannot send it.
const Host = "weaver"

// The routes. GET reads, POST changes.
const (
	PathPing       = "/v1/ping"        // GET Ping
	PathMetrics    = "/metrics"        // GET all services in Prometheus' text format
	PathProcesses  = "/v1/processes"   // GET []app.Process; ?t=SELECTOR (repeatable), ?cwd=, ?spec=1 adds specs with their environment
	PathStart      = "/v1/start"       // POST StartRequest → progress
	PathAct        = "/v1/act"         // POST ActRequest → progress
	PathTake       = "/v1/take"        // POST TakeRequest → progress
	PathScale      = "/v1/scale"       // POST ScaleRequest → progress
	PathKill       = "/v1/kill"        // POST {} → progress; the daemon ends after the last line
	PathUpdate     = "/v1/update"      // POST UpdateRequest → UpdateResult; the daemon then makes room for another
	PathSave       = "/v1/save"        // POST SaveRequest → SaveResult
	PathResurrect  = "/v1/resurrect"   // POST {} → progress
	PathClearDump  = "/v1/cleardump"   // POST {}
	PathFlush      = "/v1/flush"       // POST TargetRequest → FlushResult
	PathReloadLogs = "/v1/reload-logs" // POST {}
	PathRotate     = "/v1/rotate"      // POST TargetRequest → FlushResult
	PathFollow     = "/v1/follow"      // GET app.Line a line; ?t=SELECTOR, ?stream=out|err
	PathRecent     = "/v1/recent"      // GET []app.Line; ?id=, ?n=
	PathEvents     = "/v1/events"      // GET app.Event a line; ?since=SEQ
	PathDescribe   = "/v1/describe"    // GET []Description; ?t=SELECTOR
	PathHost       = "/v1/host"        // GET HostStats
	PathCache      = "/v1/cache"       // GET CacheStats
	PathCacheClear = "/v1/cache/clear" // POST {} → CacheStats
	PathSettings   = "/v1/settings"    // GET map[string]string; POST the same, partially: applied at once and kept
	PathFront      = "/v1/front"       // a command line, run by the daemon; see hot.go
	PathHot        = "/v1/hot/"        // + verb: rendered text for the thin front end; see hot.go
)

// Ping is what the daemon says of itself.
type Ping struct {
	PID       int       `json:"pid"`
	AnchorPID int       `json:"anchor_pid"`
	Version   string    `json:"version"`
	API       int       `json:"api"`
	Home      string    `json:"home"`
	Started   time.Time `json:"started"`
	UptimeMS  int64     `json:"uptime_ms"`
	Processes int       `json:"processes"`
	// Durable is false while the desired list cannot be written to disk; Problem says why.
	Durable bool   `json:"durable"`
	Problem string `json:"problem,omitempty"`
	// Restarts counts the supervisors before this one; LastEnd says how the last of them ended.
	Restarts int    `json:"supervisor_restarts"`
	LastEnd  string `json:"last_end,omitempty"`
}

// Words is what `ping` says: PM2's answer first, which scripts look for, and in a home of weaver's own who it is that answers.
func (p *Ping) Words(pm2 bool) string {
	const pong = "{ msg: 'pong' }\n"
	if pm2 {
		return pong
	}
	up := strconv.FormatFloat(float64(p.UptimeMS)/1000, 'f', 1, 64)
	return pong + "PID: " + strconv.Itoa(p.PID) + "\nVersion: " + p.Version + "\nUptime: " + up + " s\n"
}

// UpdateRequest asks for another weaverd to take over.
type UpdateRequest struct {
	Weaverd string `json:"weaverd"` // its file
}

// UpdateResult says what is about to take over, which has shown that it understands the state.
type UpdateResult struct {
	From   string `json:"from"` // versions
	To     string `json:"to"`
	PID    int    `json:"pid"`    // of the daemon that leaves
	Anchor bool   `json:"anchor"` // the anchor was replaced, too
}

// IfExists says what a start does with an app whose name is taken.
type IfExists = app.IfExists

// The choices.
const (
	Refuse    = app.Refuse
	Restart   = app.Restart
	Reload    = app.Reload
	Duplicate = app.Duplicate
)

// StartRequest asks for apps to run.
type StartRequest struct {
	Specs []app.Spec `json:"specs"`
	// Envs and EnvOf carry the specs' environments on the wire, those that are equal once: see pack.
	Envs     []app.Env `json:"envs,omitempty"`
	EnvOf    []int     `json:"env_of,omitempty"`
	File     string    `json:"file,omitempty"` // the config file that the specs are from, if they are
	IfExists IfExists  `json:"if_exists,omitempty"`
	// UpdateEnv is always implied for new apps; for existing ones the given Spec's environment replaces the old one.
	Parallel int `json:"parallel,omitempty"` // 0: as many as useful
	// Detach answers as soon as everything is recorded and spawned, without waiting for "online".
	Detach bool `json:"detach,omitempty"`
}

// ActRequest applies a verb to processes that exist.
type ActRequest struct {
	Verb     app.Verb            `json:"verb"`
	Targets  []app.Selector      `json:"targets"`
	Cwd      string              `json:"cwd,omitempty"`    // for targets written as script paths
	Specs    map[app.ID]app.Spec `json:"specs,omitempty"`  // new specs to apply before a start, restart or reload
	Signal   string              `json:"signal,omitempty"` // for VerbSignal
	Parallel int                 `json:"parallel,omitempty"`
	// KillNow and KillTimeout override the apps' own way to stop.
	KillNow     bool         `json:"kill_now,omitempty"`
	KillTimeout app.Duration `json:"kill_timeout,omitempty"`
	Detach      bool         `json:"detach,omitempty"`
}

// TakeRequest hands over processes that another supervisor had.
type TakeRequest struct {
	Processes []TakenProcess `json:"processes"`
}

// TakenProcess is one of them: it gets ID if that is free, and is started if it ran.
type TakenProcess struct {
	ID   app.ID   `json:"id"`
	Up   bool     `json:"up"`
	Spec app.Spec `json:"spec"`
}

// ScaleRequest changes the number of an app's instances, to N or by N.
type ScaleRequest struct {
	Name     string `json:"name"`
	N        int    `json:"n"`
	Relative bool   `json:"relative,omitempty"`
}

// TargetRequest names processes.
type TargetRequest struct {
	Targets []app.Selector `json:"targets,omitempty"` // empty: all
}

// FlushResult lists the files that were emptied or rotated.
type FlushResult struct {
	Files  []string `json:"files"`
	Failed []string `json:"failed,omitempty"`
}

// SaveRequest saves the list of processes.
type SaveRequest struct {
	Force bool `json:"force,omitempty"` // also when the list is empty
}

// SaveResult says where the list went.
type SaveResult struct {
	Path    string `json:"path"`
	Count   int    `json:"count"`
	Skipped bool   `json:"skipped,omitempty"` // an empty list, and no force
}

// Description is what `describe` shows beyond the process itself.
type Description struct {
	Process     app.Process       `json:"process"`
	Tree        []TreeProcess     `json:"tree,omitempty"`
	Ports       []string          `json:"ports,omitempty"`
	OpenFiles   int               `json:"open_files,omitempty"`
	Connections int               `json:"connections,omitempty"`
	Recent      []app.Line        `json:"recent,omitempty"`
	Events      []app.Event       `json:"events,omitempty"`
	Next        []app.Due         `json:"next,omitempty"` // what will happen by itself, the earliest first
	Git         map[string]string `json:"git,omitempty"`
	Spares      []app.Spare       `json:"spares,omitempty"` // of the whole app
	Config      *ConfigState      `json:"config,omitempty"` // nil unless its file is watched
}

// ConfigState is how it stands with a config file that is applied again when it changes.
type ConfigState struct {
	File    string    `json:"file"`
	Problem string    `json:"problem,omitempty"` // why what is in it now is not what runs
	Since   time.Time `json:"since,omitzero"`    // of the problem
}

// CommandApply is the command by which a supervisor has a front end apply a config file that has changed:
// CommandApply --home DIR NAME --config FILE FLAGS….
const CommandApply = "apply-config"

// TreeProcess is one process of a service's tree.
type TreeProcess struct {
	PID     int       `json:"pid"`
	Parent  int       `json:"ppid"`
	Command string    `json:"command"`
	Memory  app.Bytes `json:"memory"`
}

// HostStats is the machine, for the line under the table.
type HostStats struct {
	CPU         float64   `json:"cpu"` // percent of all cores
	MemoryUsed  app.Bytes `json:"memory_used"`
	MemoryTotal app.Bytes `json:"memory_total"`
	Load1       float64   `json:"load1"`
	Line        string    `json:"line"` // rendered
}

// CacheStats describes the shared cache.
type CacheStats struct {
	Enabled bool                   `json:"enabled"`
	Caches  map[string]CacheFigure `json:"caches"`
}

// CacheFigure describes one cache.
type CacheFigure struct {
	Hits      uint64       `json:"hits"`
	Misses    uint64       `json:"misses"`
	Entries   int          `json:"entries"`
	Evictions uint64       `json:"evictions"`
	Expired   uint64       `json:"expired"`
	Max       int          `json:"max_entries"` // 0 is no bound
	TTL       app.Duration `json:"ttl_ms"`
}
