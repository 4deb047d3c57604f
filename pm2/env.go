package pm2

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"weaver/app"
)

// EnvOptions says what a record needs to know besides the process.
type EnvOptions struct {
	// Home is PM2_HOME for environments that do not have it.
	Home string
	// Monitored says whether somebody asked PM2 to monitor a process, and whether anybody said anything of it; nil knows
	// of nobody.
	Monitored func(app.ID) (on, said bool)
	// Hide strikes out what looks secret in environments and arguments.
	Hide bool
}

// Env makes PM2's record of a process, its pm2_env: PM2's keys, types and order, and no other key. It is flat and open:
// every environment variable is in it twice, in "env" and at the top. Where a variable has the name of one of PM2's own
// keys, the key at the top keeps PM2's meaning (in PM2 the variable wins, so that `name=x pm2 start` renames the app).
func Env(p *app.Process, o EnvOptions) *Object {
	var b builder
	b.build(p, o)
	return &b.record
}

// builder makes records. It can be used again for the next one, whose parts then take the place of those of the last.
type builder struct {
	record Object
	env    Object
	keys   []string
	// dump makes the record for a dump: what was asked for, rather than what is.
	dump bool
	hide bool
	// seen are the variables that were looked at for secrets: programs of one supervisor share most of theirs.
	seen map[app.Var]string
}

func (b *builder) build(p *app.Process, o EnvOptions) {
	spec := p.Spec
	if spec == nil {
		spec = &app.Spec{}
	}
	b.record.members = b.record.members[:0]
	b.hide = o.Hide
	b.settings(p, spec, o)
	b.paths(p, spec)
	b.variables(p, spec)
	b.life(p, spec)
	if o.Monitored != nil {
		if on, said := o.Monitored(p.ID); said {
			b.flag("_km_monitored", on)
		}
	}
}

func (b *builder) text(key, s string) {
	b.record.members = append(b.record.members, Member{key, String(s)})
}

func (b *builder) flag(key string, v bool) {
	b.record.members = append(b.record.members, Member{key, Bool(v)})
}

func (b *builder) num(key string, n int64) {
	b.record.members = append(b.record.members, Member{key, Number(n)})
}

func (b *builder) value(key string, v Value) {
	b.record.members = append(b.record.members, Member{key, v})
}
func (b *builder) texts(key string, ss []string) { b.value(key, Strings(ss)) }

func (b *builder) textIf(key, s string) {
	if s != "" {
		b.text(key, s)
	}
}

func (b *builder) flagIf(key string, v bool) {
	if v {
		b.flag(key, true)
	}
}

func (b *builder) millisIf(key string, d app.Duration) {
	if d != 0 {
		b.num(key, d.Milliseconds())
	}
}

func (b *builder) millisGiven(key string, d *app.Duration) {
	if d != nil {
		b.num(key, d.Milliseconds())
	}
}

func (b *builder) intGiven(key string, n *int) {
	if n != nil {
		b.num(key, int64(*n))
	}
}

func (b *builder) flagGiven(key string, v *bool) {
	if v != nil {
		b.flag(key, *v)
	}
}

// extra adds a setting that weaver only carries, if there is one.
func (b *builder) extra(s *app.Spec, keys ...string) {
	for _, key := range keys {
		if raw, ok := s.Extra[key]; ok {
			b.value(key, parseRaw(raw))
		}
	}
}

// flagOrNo adds a flag that is set, or of which a config file says that it is not.
func (b *builder) flagOrNo(s *app.Spec, key string, v bool) {
	if v {
		b.flag(key, true)
	} else {
		b.extra(s, key)
	}
}

// settings adds what was asked for, in the order of schemaKeys.
func (b *builder) settings(p *app.Process, s *app.Spec, o EnvOptions) {
	b.text("name", p.Name)
	if len(s.FilterEnv) > 0 || !fromFile(s) {
		b.filters(s.FilterEnv)
	}
	b.text("namespace", namespace(p, s))
	b.extra(s, "install_url", "cwd")
	if s.Args != nil {
		b.texts("args", b.arguments(s.Args))
	}
	if interpreterGiven(s) {
		b.text("exec_interpreter", s.Interpreter)
	}
	if len(s.InterpreterArgs) > 0 {
		b.texts("node_args", b.arguments(s.InterpreterArgs))
	}
	b.flagIf("disable_logs", s.DisableLogs)
	b.textIf("log_type", string(s.LogType))
	b.textIf("log_date_format", s.LogDateFormat)
	b.flagOrNo(s, "time", s.Time)
	b.environment(p, s, o)
	if s.MaxMemoryRestart != 0 {
		b.num("max_memory_restart", int64(s.MaxMemoryRestart))
	}
	b.millisIf("restart_delay", s.RestartDelay)
	b.millisIf("exp_backoff_restart_delay", s.ExpBackoff)
	b.flagGiven("source_map_support", s.SourceMaps)
	b.flagIf("disable_source_map_support", s.DisableSourceMaps)
	b.flagIf("wait_ready", s.WaitReady)
	if s.InstancesGiven && !s.InstancesUnknown && !b.dump {
		b.num("instances", int64(max(s.Instances, 1)))
	}
	b.millisGiven("kill_timeout", s.KillTimeout)
	b.flagIf("shutdown_with_message", s.ShutdownWithMessage)
	b.millisGiven("listen_timeout", s.ListenTimeout)
	b.textIf("cron_restart", s.CronRestart)
	b.flagIf("merge_logs", s.MergeLogs)
	b.flag("vizion", app.IsTrue(s.Vizion))
	b.flag("autostart", app.IsTrue(s.AutoStart))
	b.flag("autorestart", app.IsTrue(s.AutoRestart))
	b.exitCodes(s.StopExitCodes)
	b.millisIf("watch_delay", s.WatchDelay)
	b.watch(p, s)
	if len(s.IgnoreWatch) > 0 {
		b.texts("ignore_watch", s.IgnoreWatch)
	}
	if len(s.WatchOptions) > 0 {
		b.value("watch_options", parseRaw(s.WatchOptions))
	}
	b.millisGiven("min_uptime", s.MinUptime)
	b.intGiven("max_restarts", s.MaxRestarts)
	b.flagOrNo(s, "force", s.Force)
	b.extra(s, "write")
	b.flagIf("pmx_module", s.Module)
	b.flagIf("append_env_to_name", s.AppendEnvToName)
	b.extra(s, "post_update", "trace", "v8", "event_loop_inspector", "deep_monitoring")
	b.textIf("increment_var", s.IncrementVar)
	b.text("instance_var", instanceVar(s))
	b.flag("pmx", app.IsTrue(s.PMX))
	if _, ok := s.Extra["automation"]; !ok {
		b.flag("automation", true)
	}
	b.extra(s, "automation")
	b.flag("treekill", app.IsTrue(s.TreeKill))
	b.intGiven("port", s.Port)
	b.text("username", username(p, s))
	b.account("uid", s.User)
	b.account("gid", s.Group)
	b.flag("windowsHide", true)
	retry := int64(100) // PM2's default
	if s.KillRetryTime != 0 {
		retry = s.KillRetryTime.Milliseconds()
	}
	b.num("kill_retry_time", retry)
	b.extra(s, "io")
	b.profiles(s)
}

// profiles adds the "env_NAME" sections and whatever else weaver carries.
func (b *builder) profiles(s *app.Spec) {
	b.keys = b.keys[:0]
	for key := range s.EnvProfiles {
		b.keys = append(b.keys, key)
	}
	slices.Sort(b.keys)
	for _, key := range b.keys {
		b.value(key, b.profile(parseRaw(s.EnvProfiles[key])))
	}
	b.keys = b.keys[:0]
	for key := range s.Extra {
		if !slices.Contains(schemaKeys[:], key) {
			b.keys = append(b.keys, key)
		}
	}
	slices.Sort(b.keys)
	for _, key := range b.keys {
		if !internal(key) {
			b.value(key, parseRaw(s.Extra[key]))
		}
	}
}

// paths adds where everything is.
func (b *builder) paths(p *app.Process, s *app.Spec) {
	if len(s.InterpreterArgs) == 0 {
		b.texts("node_args", nil)
	}
	b.text("pm_exec_path", s.Script)
	b.text("pm_cwd", s.Cwd)
	if !interpreterGiven(s) {
		interpreter := s.Interpreter
		if interpreter == "" {
			interpreter = "none"
		}
		b.text("exec_interpreter", interpreter)
	}
	b.text("exec_mode", string(mode(p, s)))
	if !s.InstancesGiven && !s.InstancesUnknown && !b.dump {
		b.num("instances", int64(max(s.Instances, 1)))
	}
	b.textIf("pm_log_path", instancePath(p.LogPath, s.LogFile, p, s))
	b.text("pm_out_log_path", instancePath(p.OutPath, s.OutFile, p, s))
	b.text("pm_err_log_path", instancePath(p.ErrorPath, s.ErrorFile, p, s))
	pid := p.PIDPath
	if pid == "" {
		pid = app.PIDFileWithID(s.PIDFile, p.ID)
	}
	b.text("pm_pid_path", pid)
	b.flag("km_link", false)
	b.flag("vizion_running", false)
}

// life adds what the process is doing.
func (b *builder) life(p *app.Process, s *app.Spec) {
	b.textIf("unique_id", p.UniqueID)
	b.text("status", string(p.Status))
	started := p.Started
	if started.IsZero() {
		started = p.Created
	}
	b.value("pm_uptime", epoch(started))
	b.reported(p.Reported)
	created := epoch(p.Created)
	if p.Status == app.Errored {
		created = Value{} // PM2 forgets it when it gives up
	}
	b.value("created_at", created)
	if !b.dump {
		b.num("pm_id", int64(p.ID))
	}
	b.num("restart_time", int64(p.Restarts))
	b.num("unstable_restarts", int64(p.Unstable))
	if mode(p, s) == app.Cluster {
		b.text("_pm2_version", Compatible)
	}
	version := p.Version
	if version == "" {
		version = s.Version
	}
	b.textIf("version", version)
	b.textIf("node_version", nodeVersion(p))
	if (s.ExpBackoff != 0 || p.Backoff != 0) && !b.dump {
		b.num("prev_restart_delay", p.Backoff.Milliseconds())
	}
	if p.Exit != nil {
		code := p.Exit.Code
		if p.Exit.Signal != "" {
			code = 0 // PM2's choice
		}
		b.num("exit_code", int64(code))
	}
}

// fromFile reports an app of a config file, or of a program: PM2 has no defaults of flags in the records of those.
func fromFile(s *app.Spec) bool {
	if s.From != nil {
		return true
	}
	for _, mark := range []string{"PM2_JSON_PROCESSING", "PM2_PROGRAMMATIC"} {
		if _, marked := s.Env.Get(mark); marked {
			return true
		}
	}
	return false
}

// filters writes which variables are left out: a name that is one exactly is a text of its own.
func (b *builder) filters(words []string) {
	if len(words) == 1 && strings.HasPrefix(words[0], "=") {
		b.text("filter_env", words[0][1:])
		return
	}
	b.texts("filter_env", words)
}

// exitCodes writes one code as a number: PM2 makes no array of it.
func (b *builder) exitCodes(codes []int) {
	if len(codes) == 1 {
		b.num("stop_exit_codes", int64(codes[0]))
	} else if len(codes) > 1 {
		b.value("stop_exit_codes", numbers(codes))
	}
}

func (b *builder) watch(p *app.Process, s *app.Spec) {
	switch {
	case len(s.Watch) == 0 && fromFile(s) && p.Status != app.Stopped: // a stop writes it down
	case !p.Watching && !b.dump:
		b.flag("watch", false)
	case len(s.Watch) > 0:
		b.value("watch", parseRaw(s.Watch))
	default:
		b.flag("watch", p.Watching)
	}
}

// account writes a user or group: a number where it is one.
func (b *builder) account(key, who string) {
	if who == "" {
		return
	}
	if n, err := strconv.Atoi(who); err == nil {
		b.num(key, int64(n))
		return
	}
	b.text(key, who)
}

// epoch is a time in milliseconds, as Date.now() has it; the zero time is null.
func epoch(t time.Time) Value {
	if t.IsZero() {
		return Value{}
	}
	return Number(t.UnixMilli())
}
