package config

import "strings"

// Flags are the options of start, restart and reload that say something about an app, as they were written: nil, ""
// and empty are "not given". Values are checked where the same keys of a file are, with the same messages.
type Flags struct {
	Name         string
	Namespace    string
	Instances    string // a number or "max"
	Interpreter  string
	NodeArgs     *string // also --interpreter-args
	Cwd          string
	Execute      bool   // -x
	Env          string // --env NAME
	Only         string // names, by commas or blanks
	UpdateEnv    bool
	Force        bool
	FilterEnv    []string
	Output       string
	Error        string
	Log          *string // "" is the bare flag
	PID          string
	LogType      string
	LogDate      string // --log-date-format
	Time         bool
	DisableLogs  bool
	MergeLogs    bool
	KillTimeout  string // milliseconds, or "5s"
	Listen       string // --listen-timeout
	RestartDelay string
	ExpBackoff   string // --exp-backoff-restart-delay
	MaxMemory    string // --max-memory-restart
	MaxRestarts  *string
	StopCodes    []string // --stop-exit-codes
	Cron         string   // "0" removes it
	WaitReady    bool
	ShutdownMsg  bool     // --shutdown-with-message
	Watch        []string // an element "" is the bare flag
	IgnoreWatch  string
	WatchDelay   string // seconds, or "4000ms"
	Ext          string // --ext js,json
	UID          string // also --user
	GID          string

	AutoRestart *bool // --no-autorestart
	AutoStart   *bool
	TreeKill    *bool
	Vizion      *bool
	PMX         *bool // --no-pmx
	Automation  *bool // --no-automation

	SourceMaps        bool
	DisableSourceMaps bool
	Trace             bool
	DisableTrace      bool
	V8                bool
	EventLoop         bool // --event-loop-inspector
	DeepMonitoring    bool

	// weaver's own.
	Umask       string // octal digits
	Nice        string
	MinUptime   string
	KillSignal  string
	Port        string
	MaxLogSize  string
	MaxLogFiles string
	LimitNoFile string // a number, a size or "unlimited", as all limits
	LimitNProc  string
	LimitCore   string
	LimitAS     string
	LimitStack  string
	LimitFSize  string
	LimitCPU    string // seconds
	LimitLocked string // --limit-memlock
	OOMScoreAdj string

	Warm string

	MaxCPU, MaxTree, MaxPIDs, IOWeight string // of the whole tree; MaxTree is --max-memory

	Backoff, RestartWindow, FailureThreshold, PortRetry, Data, StateFile string
	Breaker, PortCheck, AutoPort, AutoRestore, CreateMissing             bool
	Health, Startup, Readiness, Liveness                                 string // probes in their short form

	Held []string // --listen: sockets that weaver opens
	Idle string   // they have it started, and it ends when nobody was connected for so long

	DependsOn, WaitFor []string // NAME[:CONDITION][:TIMEOUT]

	Vars []string // KEY=VALUE, each over the caller's environment
	// OverFile has all of them count with a file too, where they win.
	OverFile bool
}

// object is the flags as a file would have them.
func (f *Flags) object() object {
	var o object
	word := func(key, v string) {
		if v != "" {
			o = append(o, member{key, v})
		}
	}
	yes := func(key string, v bool) {
		if v {
			o = append(o, member{key, true})
		}
	}
	maybe := func(key string, v *bool) {
		if v != nil {
			o = append(o, member{key, *v})
		}
	}
	for _, w := range []struct{ key, v string }{
		{"name", f.Name},
		{"namespace", f.Namespace},
		{"instances", f.Instances},
		{"exec_interpreter", f.Interpreter},
		{"cwd", f.Cwd},
		{"out_file", f.Output},
		{"error_file", f.Error},
		{"pid_file", f.PID},
		{"log_type", f.LogType},
		{"log_date_format", f.LogDate},
		{"kill_timeout", f.KillTimeout},
		{"listen_timeout", f.Listen},
		{"idle", f.Idle},
		{"restart_delay", f.RestartDelay},
		{"exp_backoff_restart_delay", f.ExpBackoff},
		{"max_memory_restart", f.MaxMemory},
		{"cron_restart", f.Cron},
		{"ignore_watch", f.IgnoreWatch},
		{"watch_delay", seconds(f.WatchDelay)},
		{"uid", f.UID},
		{"gid", f.GID},
		{"umask", f.Umask},
		{"nice", f.Nice},
		{"min_uptime", f.MinUptime},
		{"kill_signal", f.KillSignal},
		{"max_cpu", f.MaxCPU},
		{"max_memory", f.MaxTree},
		{"max_pids", f.MaxPIDs},
		{"io_weight", f.IOWeight},
		{"warm", f.Warm},
		{"port", f.Port},
		{"max_log_size", f.MaxLogSize},
		{"max_log_files", f.MaxLogFiles},
		{"restart_backoff", f.Backoff},
		{"restart_window", f.RestartWindow},
		{"failure_threshold", f.FailureThreshold},
		{"port_retry", f.PortRetry},
		{"db", f.Data},
		{"state_file", f.StateFile},
		{"health", f.Health},
		{"startup", f.Startup},
		{"readiness", f.Readiness},
		{"liveness", f.Liveness},
	} {
		word(w.key, w.v)
	}
	if f.NodeArgs != nil {
		o = append(o, member{"node_args", *f.NodeArgs})
	}
	if f.MaxRestarts != nil {
		var given any = *f.MaxRestarts
		if given == "" {
			given = noWord{} // the flag alone is an error, which an empty string in a file is not
		}
		o = append(o, member{"max_restarts", given})
	}
	if f.Log != nil {
		if *f.Log == "" {
			o = append(o, member{"log_file", true})
		} else {
			o = append(o, member{"log_file", *f.Log})
		}
	}
	yes("execute_command", f.Execute)
	yes("force", f.Force)
	yes("circuit_breaker", f.Breaker)
	yes("port_check", f.PortCheck)
	yes("auto_port", f.AutoPort)
	yes("auto_restore", f.AutoRestore)
	yes("create_if_missing", f.CreateMissing)
	yes("time", f.Time)
	yes("disable_logs", f.DisableLogs)
	yes("merge_logs", f.MergeLogs)
	yes("wait_ready", f.WaitReady)
	yes("shutdown_with_message", f.ShutdownMsg)
	yes("source_map_support", f.SourceMaps)
	yes("disable_source_map_support", f.DisableSourceMaps)
	yes("trace", f.Trace)
	yes("disable_trace", f.DisableTrace)
	yes("v8", f.V8)
	yes("event_loop_inspector", f.EventLoop)
	yes("deep_monitoring", f.DeepMonitoring)
	maybe("autorestart", f.AutoRestart)
	maybe("autostart", f.AutoStart)
	maybe("treekill", f.TreeKill)
	maybe("vizion", f.Vizion)
	maybe("pmx", f.PMX)
	maybe("automation", f.Automation)
	list := func(key string, words []string) {
		if len(words) > 0 {
			o = append(o, member{key, anys(words)})
		}
	}
	list("filter_env", f.FilterEnv)
	list("stop_exit_codes", f.stopCodes())
	list("listen", f.Held)
	if len(f.DependsOn) > 0 {
		word("depends_on", strings.Join(f.DependsOn, ","))
	}
	if len(f.WaitFor) > 0 {
		word("wait_for", strings.Join(f.WaitFor, ","))
	}
	if env := f.vars(); env != nil {
		o = append(o, member{"env", env})
	}
	if watch := f.watch(); watch != nil {
		o = append(o, member{"watch", watch})
	}
	if limits := f.limits(); limits != nil {
		o = append(o, member{"limits", limits})
	}
	return o
}

// forFile is those flags that also count with a file, as with PM2, and the names of the others that were given.
func (f *Flags) forFile() (used object, unused []string) {
	for _, m := range f.object() {
		switch m.key {
		case "env":
			if f.OverFile {
				continue // laid over the file's, not instead of it
			}
			unused = append(unused, m.key)
		case "namespace", "watch", "ignore_watch", "uid", "gid", "cwd":
			used = append(used, m)
		case "force", "merge_logs":
			// Harmless: restarts of a file pass them along.
		default:
			if f.OverFile {
				used = append(used, m)
				continue
			}
			unused = append(unused, m.key)
		}
	}
	return used, unused
}

// stopCodes lets several codes be written as one word: "0,2".
func (f *Flags) stopCodes() []string {
	return strings.FieldsFunc(strings.Join(f.StopCodes, ","), func(r rune) bool { return r == ',' || r == ' ' })
}

// watch is nil, true for the bare flag, or the paths.
func (f *Flags) watch() any {
	if len(f.Watch) == 0 {
		return nil
	}
	var paths []any
	for _, p := range f.Watch {
		if p != "" {
			paths = append(paths, p)
		}
	}
	if paths == nil {
		return true
	}
	return paths
}

func (f *Flags) limits() any {
	var o object
	for _, l := range []struct{ key, v string }{
		{"nofile", f.LimitNoFile},
		{"nproc", f.LimitNProc},
		{"core", f.LimitCore},
		{"as", f.LimitAS},
		{"stack", f.LimitStack},
		{"fsize", f.LimitFSize},
		{"cpu", f.LimitCPU},
		{"memlock", f.LimitLocked},
		{"oom_score_adj", f.OOMScoreAdj},
	} {
		if l.v != "" {
			o = append(o, member{l.key, l.v})
		}
	}
	if o == nil {
		return nil
	}
	return o
}

// seconds is a text with a unit: --watch-delay counts in seconds where a file counts in milliseconds.
func seconds(s string) string {
	if _, ok := numeric(s); ok {
		return strings.TrimSpace(s) + "s"
	}
	return s
}

func anys[E any](list []E) []any {
	out := make([]any, len(list))
	for i, e := range list {
		out[i] = e
	}
	return out
}
