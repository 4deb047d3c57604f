package app

import "encoding/json"

// Mode says how the instances of an app share what they listen on.
type Mode string

// The two modes, in PM2's words.
const (
	Fork    Mode = "fork_mode"    // each instance is on its own
	Cluster Mode = "cluster_mode" // Node instances that share their ports
)

// LogFormat says how a line is written to its file.
type LogFormat string

// The log formats. An empty LogFormat is Raw.
const (
	Raw  LogFormat = "raw"  // the bytes as the program wrote them, after LogDateFormat if there is one
	JSON LogFormat = "json" // one object a line
)

// Spec is what was asked for: one app, from which Instances processes are made. config makes it from flags and files
// and leaves it absolute and validated: nothing in it depends on the cwd or the environment of who reads it.
//
// Pointers are settings whose zero value means something else than "not given".
type Spec struct {
	Name      string   `json:"name"`
	Namespace string   `json:"namespace,omitempty"` // "default" when empty
	Script    string   `json:"script"`              // absolute path of what runs
	Args      []string `json:"args,omitzero"`
	// Interpreter is the absolute path or bare name of the program that runs Script, or "none" to exec Script itself.
	Interpreter     string   `json:"interpreter,omitempty"`
	InterpreterArgs []string `json:"node_args,omitempty"`
	Cwd             string   `json:"cwd,omitempty"`
	Mode            Mode     `json:"exec_mode,omitempty"`
	Instances       int      `json:"instances,omitempty"` // 1 when 0; config has resolved "max" and negative forms
	// InstancesGiven says that somebody wrote a number, which decides PM2's log file names.
	InstancesGiven bool `json:"instances_given,omitempty"`
	// InstancesUnknown says that it comes from a dump, which tells of each process and not how many there are: PM2 has no such
	// key in the records of those.
	InstancesUnknown bool `json:"instances_unknown,omitempty"`

	// Env is the whole environment of the child, the caller's included, before weaver adds its own.
	Env Env `json:"env,omitempty"`
	// EnvProfiles are the "env_NAME" sections of an ecosystem file, by whole key.
	EnvProfiles  map[string]json.RawMessage `json:"env_profiles,omitempty"`
	FilterEnv    []string                   `json:"filter_env,omitempty"`
	InstanceVar  string                     `json:"instance_var,omitempty"`  // NODE_APP_INSTANCE when empty
	IncrementVar string                     `json:"increment_var,omitempty"` // variable that counts up per instance

	// User and Group are names or numbers; empty is whoever runs the supervisor.
	User     string  `json:"uid,omitempty"`
	Group    string  `json:"gid,omitempty"`
	Username string  `json:"username,omitempty"` // shown in lists: who asked
	Umask    *int    `json:"umask,omitempty"`
	Nice     *int    `json:"nice,omitempty"`
	Limits   *Limits `json:"limits,omitempty"`

	// Log files. Paths are absolute, with PM2's names; "-<id>" goes in before ".log" when MergeLogs is false.
	// "/dev/null" stores nothing.
	OutFile       string    `json:"out_file,omitempty"`
	ErrorFile     string    `json:"error_file,omitempty"`
	LogFile       string    `json:"log_file,omitempty"` // both streams, only when asked for
	PIDFile       string    `json:"pid_file,omitempty"`
	MergeLogs     bool      `json:"merge_logs,omitempty"`
	DisableLogs   bool      `json:"disable_logs,omitempty"`
	LogType       LogFormat `json:"log_type,omitempty"`
	LogDateFormat string    `json:"log_date_format,omitempty"` // dayjs tokens, as PM2
	Time          bool      `json:"time,omitempty"`
	// Rotation of the log files; zero fields take the home's settings.
	MaxLogSize  Bytes    `json:"max_log_size,omitempty"`
	MaxLogFiles int      `json:"max_log_files,omitempty"`
	MaxLogAge   Duration `json:"max_log_age,omitempty"`
	CompressLog bool     `json:"compress_logs,omitempty"`

	// Life. Nil means PM2's default, which is true.
	AutoStart   *bool `json:"autostart,omitempty"`
	AutoRestart *bool `json:"autorestart,omitempty"`
	TreeKill    *bool `json:"treekill,omitempty"`

	MinUptime    *Duration `json:"min_uptime,omitempty"`   // 1 s
	MaxRestarts  *int      `json:"max_restarts,omitempty"` // 16
	RestartDelay Duration  `json:"restart_delay,omitempty"`
	ExpBackoff   Duration  `json:"exp_backoff_restart_delay,omitempty"`
	// Recovery of weaver's own; see lifecycle.
	RestartBackoff   string   `json:"restart_backoff,omitempty"` // "linear" or "exponential"
	MaxRestartDelay  Duration `json:"max_restart_delay,omitempty"`
	RestartJitter    float64  `json:"restart_jitter,omitempty"`
	RestartWindow    Duration `json:"restart_window,omitempty"`
	CircuitBreaker   bool     `json:"circuit_breaker,omitempty"`
	FailureThreshold int      `json:"failure_threshold,omitempty"` // 5

	StopExitCodes       []int     `json:"stop_exit_codes,omitempty"`
	KillTimeout         *Duration `json:"kill_timeout,omitempty"` // 1600 ms
	KillSignal          string    `json:"kill_signal,omitempty"`  // SIGINT
	ShutdownWithMessage bool      `json:"shutdown_with_message,omitempty"`
	WaitReady           bool      `json:"wait_ready,omitempty"`
	ListenTimeout       *Duration `json:"listen_timeout,omitempty"` // 3000 ms
	KillRetryTime       Duration  `json:"kill_retry_time,omitempty"`

	Health *Health `json:"health,omitempty"`

	// Listen names sockets that weaver opens and keeps, as ParseListen reads them: each instance inherits them from
	// descriptor 3 on, by systemd's convention (LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES).
	Listen []string `json:"listen,omitempty"`
	// Idle has the app run on demand: it is started when somebody connects to one of Listen, and ended when nobody was
	// connected for so long.
	Idle Duration `json:"idle,omitempty"`
	// Overlap has a reload start the new process before the old one ends. It is so by itself with Listen and in cluster mode;
	// other programs must be able to run twice.
	Overlap bool `json:"overlap,omitempty"`
	// DrainTimeout is how long a cluster worker that was replaced may finish what it began; 8 s.
	DrainTimeout *Duration `json:"drain_timeout,omitempty"`
	// ClusterPolicy says how connections are handed out to cluster workers: "slots" (when empty), "sticky", "rr", "shared".
	ClusterPolicy string `json:"cluster_policy,omitempty"`

	// Warm is how many spare workers are kept beside the instances of a cluster: loaded, and with their listen held back, until
	// an instance crashes or one more is asked for.
	Warm int `json:"warm,omitempty"`

	// DependsOn is what must be in some condition before a process is spawned, and is ended after it where both are ended.
	DependsOn []Dependency `json:"depends_on,omitempty"`

	MaxMemoryRestart Bytes `json:"max_memory_restart,omitempty"`
	// Ceilings on what the whole tree of one instance may use; zero is none. Process.Ceilings says what holds them.
	MaxCPU    float64 `json:"max_cpu,omitempty"`    // percent of one core
	MaxMemory Bytes   `json:"max_memory,omitempty"` // the kernel kills what goes beyond; without control groups it is restarted
	MaxPIDs   int     `json:"max_pids,omitempty"`   // processes and threads
	IOWeight  int     `json:"io_weight,omitempty"`  // 1 to 10000; 100 is everybody's

	CronRestart  string          `json:"cron_restart,omitempty"`
	Watch        json.RawMessage `json:"watch,omitempty"` // true, a path or paths, as written
	IgnoreWatch  []string        `json:"ignore_watch,omitempty"`
	WatchDelay   Duration        `json:"watch_delay,omitempty"`
	WatchOptions json.RawMessage `json:"watch_options,omitempty"`

	// Node's own.
	SourceMaps *bool `json:"source_map_support,omitempty"`
	PMX        *bool `json:"pmx,omitempty"`
	Vizion     *bool `json:"vizion,omitempty"`
	// Before a start: what has to hold, and what is done about it if it does not.
	PortCheck bool      `json:"port_check,omitempty"` // nobody else may listen on Port
	AutoPort  bool      `json:"auto_port,omitempty"`  // take the next free one
	PortRetry int       `json:"port_retry,omitempty"` // look again as often, with growing pauses
	Data      *DataFile `json:"db,omitempty"`
	StateFile string    `json:"state_file,omitempty"` // a copy of the service's record is kept there
	// From says which config file this is from, nil that it is from none.
	From *Origin `json:"from,omitempty"`
	// WatchConfig is the file that this is from, if it is to be applied again when it changes.
	WatchConfig *ConfigSource `json:"watch_config,omitempty"`

	Port              *int `json:"port,omitempty"`
	AppendEnvToName   bool `json:"append_env_to_name,omitempty"`
	Force             bool `json:"force,omitempty"`
	DisableSourceMaps bool `json:"disable_source_map_support,omitempty"`
	// Serialization is how messages of the program travel: "json" (when empty), or "advanced", by V8, which keeps what JSON has not.
	Serialization string `json:"serialization,omitempty"`
	// UnhandledRejections is "node" for Node's own way with them, which ends the program; else they are printed, as by PM2.
	UnhandledRejections string `json:"unhandled_rejections,omitempty"`

	// Extra holds attributes that weaver carries through to listings and dumps without acting on them
	// (post_update, io, trace, …), by PM2's key, as JSON.
	Extra map[string]json.RawMessage `json:"extra,omitempty"`

	// Module says that it belongs to the supervisor more than to its user: "all" does not mean it, dumps do not hold it.
	Module bool `json:"module,omitempty"`

	// Version is that of the nearest package.json above Script, "N/A" without one.
	Version string `json:"version,omitempty"`
}

// DataFile is a file that must be sound before a start: a JSON document or an SQLite database.
type DataFile struct {
	Path    string `json:"path"`
	Restore bool   `json:"auto_restore,omitempty"`      // a corrupt one is replaced by Path.backup, and kept aside
	Create  bool   `json:"create_if_missing,omitempty"` // a missing one is created empty
}

// Limits are resource limits in force before the program's first instruction. Nil means inherited.
type Limits struct {
	NoFile      *uint64 `json:"nofile,omitempty"`
	NProc       *uint64 `json:"nproc,omitempty"`
	Core        *uint64 `json:"core,omitempty"`
	AddressRoom *uint64 `json:"as,omitempty"`
	Stack       *uint64 `json:"stack,omitempty"`
	FSize       *uint64 `json:"fsize,omitempty"`
	CPU         *uint64 `json:"cpu,omitempty"`
	MemLock     *uint64 `json:"memlock,omitempty"`
	OOMScoreAdj *int    `json:"oom_score_adj,omitempty"`
}

// DefaultNamespace is where an app lives that names none.
const DefaultNamespace = "default"

// IsTrue reports an optional setting whose default is true.
func IsTrue(b *bool) bool { return b == nil || *b }

// Clone returns a copy that can be changed without changing s. Raw JSON is shared: nobody writes into it.
func (s Spec) Clone() Spec {
	s.Args = append([]string(nil), s.Args...)
	s.InterpreterArgs = append([]string(nil), s.InterpreterArgs...)
	s.Env = s.Env.Clone()
	s.FilterEnv = append([]string(nil), s.FilterEnv...)
	s.Listen = append([]string(nil), s.Listen...)
	s.StopExitCodes = append([]int(nil), s.StopExitCodes...)
	s.DependsOn = append([]Dependency(nil), s.DependsOn...)
	s.IgnoreWatch = append([]string(nil), s.IgnoreWatch...)
	return s
}

// NamespaceOrDefault returns the namespace the app lives in.
func (s *Spec) NamespaceOrDefault() string {
	if s.Namespace == "" {
		return DefaultNamespace
	}
	return s.Namespace
}
