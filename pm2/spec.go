package pm2

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"weaver/app"
)

// Record is a process as a record of PM2's (or weaver's) describes it.
type Record struct {
	Spec   app.Spec
	Status app.Status
	// Name and ID are the process's; ID is negative in dumps, which do not keep it.
	Name        string
	ID          app.ID
	Instance    int
	Started     time.Time
	Created     time.Time
	Restarts    int
	Unstable    int
	Backoff     app.Duration
	ExitCode    *int
	UniqueID    string
	Version     string
	NodeVersion string
	// Module reports a PM2 module, which PM2 neither dumps nor counts among "all".
	Module bool
}

// Spec reads one pm2_env: Env the other way round. It takes what PM2 itself takes, numbers in strings and all. Variables
// that are at the top without being in "env" were set in the past; PM2 still hands them to the child, and so Spec keeps
// them.
func Spec(env json.RawMessage) (Record, error) {
	v, err := Parse(env)
	if err != nil {
		return Record{}, fmt.Errorf("read record: %w", err)
	}
	o, ok := v.Object()
	if !ok {
		return Record{}, errors.New("read record: it is not an object")
	}
	return record(o)
}

func record(o *Object) (Record, error) {
	r := reader{top: o, set: make(map[string]bool)}
	rec := Record{ID: -1}
	r.settings(&rec.Spec)
	r.paths(&rec.Spec)
	r.environment(&rec)
	r.life(&rec)
	if v, ok := o.Get(weaverKey); ok && v.kind == object {
		if err := restoreOwn(&rec.Spec, v); err != nil {
			return rec, fmt.Errorf("record of %s: %w", rec.Name, err)
		}
	}
	if rec.Spec.Script == "" {
		return rec, fmt.Errorf("record of %q has no pm_exec_path", rec.Name)
	}
	return rec, nil
}

// reader takes settings out of a record and notes which keys it has seen.
type reader struct {
	top *Object
	set map[string]bool // the variables of "env"
}

func (r reader) settings(s *app.Spec) {
	s.Name = r.text("name")
	s.Namespace = r.text("namespace")
	if s.Args = r.texts("args"); s.Args == nil && len(r.list("args")) == 0 {
		if v, ok := r.top.Get("args"); ok && v.kind == array {
			s.Args = []string{}
		}
	}
	s.Interpreter = r.text("exec_interpreter")
	s.InterpreterArgs = r.texts("node_args")
	s.Mode = app.Mode(r.text("exec_mode"))
	if s.Mode != app.Cluster {
		s.Mode = app.Fork
	}
	s.Instances = max(r.whole("instances"), 1)
	_, told := r.top.Get("instances")
	s.InstancesUnknown = !told
	s.FilterEnv = r.filters()
	if s.InstanceVar = r.text("instance_var"); s.InstanceVar == "NODE_APP_INSTANCE" {
		s.InstanceVar = ""
	}
	s.IncrementVar = r.text("increment_var")
	s.User, s.Group, s.Username = r.text("uid"), r.text("gid"), r.text("username")
	s.MergeLogs = r.flag("merge_logs")
	s.InstancesGiven = !s.MergeLogs
	s.DisableLogs = r.flag("disable_logs")
	s.LogType = app.LogFormat(r.text("log_type"))
	s.LogDateFormat = r.text("log_date_format")
	s.Time = r.flag("time")
	s.AutoStart = r.switchedOff("autostart")
	s.AutoRestart = r.switchedOff("autorestart")
	s.TreeKill = r.switchedOff("treekill")
	s.PMX = r.switchedOff("pmx")
	s.Vizion = r.switchedOff("vizion")
	s.MinUptime = r.duration("min_uptime")
	if v, ok := r.top.Get("max_restarts"); ok && !v.IsNull() {
		n := r.whole("max_restarts")
		s.MaxRestarts = &n
	}
	s.RestartDelay = r.millis("restart_delay")
	s.ExpBackoff = r.millis("exp_backoff_restart_delay")
	for _, v := range r.list("stop_exit_codes") {
		s.StopExitCodes = append(s.StopExitCodes, whole(v))
	}
	s.KillTimeout = r.duration("kill_timeout")
	if s.KillRetryTime = r.millis("kill_retry_time"); s.KillRetryTime.Milliseconds() == 100 {
		s.KillRetryTime = 0
	}
	s.ShutdownWithMessage = r.flag("shutdown_with_message")
	s.WaitReady = r.flag("wait_ready")
	s.ListenTimeout = r.duration("listen_timeout")
	s.MaxMemoryRestart, _ = app.ParseBytes(r.text("max_memory_restart"))
	if s.CronRestart = r.text("cron_restart"); s.CronRestart == "0" {
		s.CronRestart = ""
	}
	if v, ok := r.top.Get("watch"); ok && !v.IsNull() && !off(v) {
		s.Watch = v.AppendJSON(nil)
	}
	s.IgnoreWatch = r.texts("ignore_watch")
	s.WatchDelay = r.millis("watch_delay")
	if v, ok := r.top.Get("watch_options"); ok && v.kind == object {
		s.WatchOptions = v.AppendJSON(nil)
	}
	if v, ok := r.top.Get("source_map_support"); ok && !v.IsNull() {
		on := r.flag("source_map_support")
		s.SourceMaps = &on
	}
	s.DisableSourceMaps = r.flag("disable_source_map_support")
	if v, ok := r.top.Get("port"); ok && !v.IsNull() {
		port := whole(v)
		s.Port = &port
	}
	s.AppendEnvToName = r.flag("append_env_to_name")
	s.Force = r.flag("force")
	s.Version = r.text("version")
	r.carried(s)
}

// filters reads what Env writes: a text is the name of one variable, a list is of parts of names.
func (r reader) filters() []string {
	if v, ok := r.top.Get("filter_env"); ok && v.kind == text {
		return []string{"=" + v.text}
	}
	return r.texts("filter_env")
}

// carried keeps what weaver only hands on.
func (r reader) carried(s *app.Spec) {
	keep := func(key string, v Value) {
		if s.Extra == nil {
			s.Extra = make(map[string]json.RawMessage)
		}
		s.Extra[key] = v.AppendJSON(nil)
	}
	for _, m := range r.top.members {
		switch m.Key {
		case "install_url", "post_update", "trace", "v8", "event_loop_inspector", "deep_monitoring", "io", "cwd", "write":
			keep(m.Key, m.Value)
		case "time", "force":
			if on, isBool := m.Value.Bool(); !on && isBool {
				keep(m.Key, m.Value)
			}
		case "automation":
			if on, isBool := m.Value.Bool(); !on || !isBool {
				keep(m.Key, m.Value)
			}
		default:
			if internal(m.Key) || m.Value.kind != object && m.Value.kind != array {
				continue
			}
			if strings.HasPrefix(m.Key, "env_") {
				if s.EnvProfiles == nil {
					s.EnvProfiles = make(map[string]json.RawMessage)
				}
				s.EnvProfiles[m.Key] = m.Value.AppendJSON(nil)
				continue
			}
			keep(m.Key, m.Value)
		}
	}
}

func (r reader) paths(s *app.Spec) {
	s.Script, s.Cwd = r.text("pm_exec_path"), r.text("pm_cwd")
	s.OutFile, s.ErrorFile = r.text("pm_out_log_path"), r.text("pm_err_log_path")
	s.LogFile = r.text("pm_log_path")
	s.PIDFile = withoutID(r.text("pm_pid_path"), ".pid")
	if !s.MergeLogs {
		for _, path := range []*string{&s.OutFile, &s.ErrorFile, &s.LogFile} {
			*path = withoutID(*path, ".log")
		}
	}
}

// withoutID takes "-<number>" from before ext, which is where PM2 would put the next process's number.
func withoutID(path, ext string) string {
	base, ok := strings.CutSuffix(path, ext)
	if !ok {
		return path
	}
	short := strings.TrimRight(base, "0123456789")
	if len(short) == len(base) || !strings.HasSuffix(short, "-") {
		return path
	}
	return short[:len(short)-1] + ext
}

// environment puts the variables together: those of "env" first, with PM2's own additions left out.
func (r reader) environment(rec *Record) {
	s := &rec.Spec
	if v, ok := r.top.Get("env"); ok && v.kind == object {
		for _, m := range v.object.members {
			empty := m.Value.kind == object && m.Value.object.Len() == 0 || m.Value.kind == text && m.Value.text == "{}"
			if m.Key == "unique_id" || m.Key == s.Name && empty || m.Value.IsNull() {
				continue
			}
			r.variable(s, m)
		}
	}
	for _, m := range r.top.members {
		if m.Value.kind == object || m.Value.kind == array || m.Value.IsNull() || r.set[m.Key] || internal(m.Key) ||
			m.Key == s.Name || m.Key == instanceVar(s) || strings.HasPrefix(m.Key, "axm_") {
			continue
		}
		r.variable(s, m)
	}
	rec.Name = s.Name
	rec.Instance = r.whole(instanceVar(s))
}

func (r reader) variable(s *app.Spec, m Member) {
	value, ok := m.Value.scalar()
	if !ok {
		value = string(m.Value.AppendJSON(nil))
	}
	r.set[m.Key] = true
	bare := m.Value.kind == number || m.Value.kind == boolean
	s.Env = append(s.Env, app.Var{Name: m.Key, Value: value, Bare: bare})
}

func (r reader) life(rec *Record) {
	rec.Status = app.Status(r.text("status"))
	if v, ok := r.top.Get("pm_id"); ok && v.kind == number {
		rec.ID = app.ID(whole(v))
	}
	rec.Started, rec.Created = r.time("pm_uptime"), r.time("created_at")
	rec.Restarts, rec.Unstable = r.whole("restart_time"), r.whole("unstable_restarts")
	rec.Backoff = r.millis("prev_restart_delay")
	if v, ok := r.top.Get("exit_code"); ok && !v.IsNull() {
		code := whole(v)
		rec.ExitCode = &code
	}
	rec.UniqueID, rec.Version, rec.NodeVersion = r.text("unique_id"), r.text("version"), r.text("node_version")
	rec.Module = r.flag("pmx_module")
	rec.Spec.Module = rec.Module
}
