package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"weaver/app"
)

// request is one app as it was asked for, checked.
type request struct {
	in         object
	vals       values
	scriptArgs []string // after "--"
	scriptSet  bool     // scriptArgs replace "args"
	envName    string   // of --env
	deployed   any      // the environment of the deploy target, over the app's own
	fromFile   bool
}

// spec makes the absolute Spec. Errors are about this machine now: something is missing on it.
func (c Context) spec(r request) (app.Spec, []Problem, error) {
	var s app.Spec
	var problems []Problem
	note := func(p *Problem) {
		if p != nil {
			p.App = s.Name
			problems = append(problems, *p)
		}
	}
	v := r.vals
	script, _ := v["script"].(string)
	s.Name, _ = v["name"].(string)
	if s.Name == "" {
		named := script
		if base := filepath.Base(script); base == "." || base == ".." {
			named = c.abs(c.Cwd, script) // a directory goes by its own name
		}
		s.Name = defaultName(named)
	}
	if r.envName != "" && v["append_env_to_name"] == true {
		s.Name += "-" + r.envName
	}
	if err := checkName("name", s.Name); err != nil {
		return s, nil, err
	}
	var err error
	cwd, stays := "", false
	if r.fromFile {
		cwd, stays = c.stays(v, s.Name, script)
	}
	if !stays {
		if cwd, err = c.directory(v); err != nil {
			return s, nil, err
		}
	}
	s.Cwd = cwd
	what, err := c.locate(s.Cwd, script)
	if err != nil {
		return s, nil, err
	}
	interpreter := Interpreter{Path: None}
	if !what.shell {
		asked, _ := v["exec_interpreter"].(string)
		if interpreter, err = ResolveInterpreter(c, s.Cwd, asked, what.path); err != nil {
			return s, nil, err
		}
	}
	s.Script, s.Interpreter = what.path, interpreter.Path
	c.apply(&s, v)
	s.InterpreterArgs = append(interpreter.Args, s.InterpreterArgs...)
	if r.scriptSet {
		s.Args = r.scriptArgs
	}
	if what.shell {
		s.Args = shellArgs(what.args, s.Args)
	} else if len(what.args) > 0 {
		s.Args = append(what.args, s.Args...)
	}
	n, odd, err := c.instances(v)
	if err != nil {
		return s, nil, err
	}
	note(odd)
	s.Instances, s.InstancesGiven = n.n, n.given
	s.Mode, odd = c.mode(v, n, interpreter)
	note(odd)
	if err := checkWarm(&s); err != nil {
		return s, nil, err
	}
	s.MergeLogs = mergeLogs(v, n)
	c.logFiles(&s, v)
	note(c.environment(&s, r, interpreter))
	if v["filter_env"] == true {
		note(&Problem{Key: "filter_env", Message: "filter_env: true filters nothing", Hint: "list the names to drop"})
	}
	if kind, _ := v["log_type"].(string); kind != "" && s.LogType != app.LogFormat(kind) {
		note(&Problem{Key: "log_type", Message: fmt.Sprintf(`log_type %q is neither "raw" nor "json", raw is used`, clip(kind))})
	}
	if err := c.account(&s, v); err != nil {
		return s, nil, err
	}
	s.Version = VersionOf(s.Script)
	return s, problems, nil
}

// maxWarm bounds the spare workers of an app.
const maxWarm = 64

// checkWarm refuses spares where nobody could hold them back.
func checkWarm(s *app.Spec) error {
	switch {
	case s.Warm > maxWarm:
		return fmt.Errorf(`"warm" is at most %d, but now is %d`, maxWarm, s.Warm)
	case s.Warm > 0 && s.Mode != app.Cluster:
		err := saidf(`"warm" needs cluster mode: in fork mode a program opens its ports itself, so a spare would be in the way of what it is spare for`)
		err.try("give instances (-i 1 is enough), or exec_mode cluster")
		return err
	}
	return nil
}

// stays is where an app of a file runs already. A file may be used from anywhere: what runs and asks for no directory stays where it
// is, unless its script lies in the caller's.
func (c Context) stays(v values, name, script string) (string, bool) {
	if asked, _ := v["cwd"].(string); asked != "" || c.Runs == nil || c.here(script) {
		return "", false
	}
	cwd, ok := c.Runs(name)
	if !ok {
		return "", false
	}
	info, err := os.Stat(cwd)
	return cwd, err == nil && info.IsDir()
}

// directory is where an app runs: where it was asked for, else in the caller's directory. PM2 starts apps in directories that do not
// exist, and shows them online.
func (c Context) directory(v values) (string, error) {
	asked, _ := v["cwd"].(string)
	cwd := c.abs(c.Cwd, asked)
	info, err := os.Stat(cwd)
	switch {
	case err != nil:
		return "", fmt.Errorf("cwd %s: %w", clip(cwd), pathCause(err))
	case !info.IsDir():
		return "", fmt.Errorf("cwd %s: not a directory", clip(cwd))
	}
	return cwd, nil
}

// pathCause drops the operation and the path, which may be very long, from an error about a file.
func pathCause(err error) error {
	var at *os.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

// defaultName is the last part of the script, or of the command line, without its last ending.
func defaultName(script string) string {
	base := filepath.Base(strings.TrimSpace(script))
	if ext := filepath.Ext(base); ext != base {
		base = strings.TrimSuffix(base, ext)
	}
	base = strings.Map(printable, strings.ReplaceAll(base, `\`, "-"))
	for i := range base {
		if i > maxName-4 {
			return base[:i]
		}
	}
	return base
}

// shellArgs puts more arguments onto a command line that a shell runs. PM2 drops them.
func shellArgs(command, more []string) []string {
	command = append([]string(nil), command...)
	for _, a := range more {
		command[len(command)-1] += " " + quote(a)
	}
	return command
}

// environment is the caller's, without what is filtered, below the app's own, below the deploy target's, below its section
// for --env.
func (c Context) environment(s *app.Spec, r request, in Interpreter) *Problem {
	s.FilterEnv = filterWords(r.vals["filter_env"])
	s.Env = c.inherited(s.FilterEnv)
	if r.fromFile && !filtered("PM2_JSON_PROCESSING", s.FilterEnv) {
		s.Env.Set("PM2_JSON_PROCESSING", "true") // PM2's front end marks its environment with this one, too
	}
	if cwd, _ := r.vals["cwd"].(string); cwd != "" {
		s.Env.Set("PWD", cwd) // as it was written, as PM2 has it
	}
	declared := envOf(r.vals["env"])
	if s.Port != nil && *s.Port != 0 {
		declared.Set("PORT", fmt.Sprint(*s.Port))
	}
	s.Env.Merge(declared)
	s.EnvProfiles = profiles(r.in)
	if _, set := s.Env.Get("PYTHONUNBUFFERED"); in.Python() && !set {
		s.Env.Set("PYTHONUNBUFFERED", "1")
	}
	overlay(&s.Env, r.deployed)
	var section any
	defined := r.envName == ""
	if !defined {
		section, defined = r.in.get("env_" + r.envName)
		overlay(&s.Env, section)
	}
	if r.fromFile {
		s.From = &app.Origin{Env: namesOf(declared, envOf(r.deployed), envOf(section))}
	}
	if !defined {
		return &Problem{Key: "env_" + r.envName, Message: fmt.Sprintf("Environment [%s] is not defined in process file", clip(r.envName)), PM2: true}
	}
	return nil
}

// namesOf are those of the variables in all of them.
func namesOf(all ...app.Env) (out []string) {
	for _, env := range all {
		for i := range env {
			if !slices.Contains(out, env[i].Name) {
				out = append(out, env[i].Name)
			}
		}
	}
	return out
}

// apply sets what needs no look at the machine, and only what was given, so that it serves for changes too.
func (c Context) apply(s *app.Spec, v values) {
	for key, field := range map[string]*string{
		"namespace": &s.Namespace, "log_date_format": &s.LogDateFormat, "increment_var": &s.IncrementVar,
		"instance_var": &s.InstanceVar, "username": &s.Username, "cron_restart": &s.CronRestart, "kill_signal": &s.KillSignal,
		"unhandled_rejections": &s.UnhandledRejections,
		"cluster_policy":       &s.ClusterPolicy,
		"serialization":        &s.Serialization,
	} {
		if text, ok := v[key].(string); ok {
			*field = text
		}
	}
	for key, field := range map[string]*bool{
		"disable_logs": &s.DisableLogs, "wait_ready": &s.WaitReady, "shutdown_with_message": &s.ShutdownWithMessage,
		"force": &s.Force, "append_env_to_name": &s.AppendEnvToName, "disable_source_map_support": &s.DisableSourceMaps,
		"compress_logs": &s.CompressLog, "time": &s.Time, "overlap": &s.Overlap,
	} {
		if yes, ok := v[key].(bool); ok {
			*field = yes
		}
	}
	for key, field := range map[string]**bool{
		"autostart": &s.AutoStart, "autorestart": &s.AutoRestart, "treekill": &s.TreeKill, "vizion": &s.Vizion,
		"source_map_support": &s.SourceMaps, "pmx": &s.PMX,
	} {
		if yes, ok := v[key].(bool); ok {
			*field = &yes
		}
	}
	for key, field := range map[string]*app.Duration{
		"restart_delay": &s.RestartDelay, "exp_backoff_restart_delay": &s.ExpBackoff, "kill_retry_time": &s.KillRetryTime,
		"watch_delay": &s.WatchDelay, "idle": &s.Idle, "max_log_age": &s.MaxLogAge,
	} {
		if d, ok := v[key].(app.Duration); ok {
			*field = d
		}
	}
	for key, field := range map[string]**app.Duration{
		"min_uptime": &s.MinUptime, "kill_timeout": &s.KillTimeout, "listen_timeout": &s.ListenTimeout,
		"drain_timeout": &s.DrainTimeout,
	} {
		if d, ok := v[key].(app.Duration); ok {
			*field = &d
		}
	}
	for key, field := range map[string]**int{
		"max_restarts": &s.MaxRestarts, "port": &s.Port, "umask": &s.Umask, "nice": &s.Nice,
	} {
		if n, ok := v[key].(int); ok {
			*field = &n
		}
	}
	for key, field := range map[string]*[]string{
		"args": &s.Args, "node_args": &s.InterpreterArgs, "ignore_watch": &s.IgnoreWatch,
		"listen": &s.Listen,
	} {
		if list, ok := v[key].([]string); ok {
			*field = list
		}
	}
	for key, field := range map[string]*app.Bytes{"max_memory_restart": &s.MaxMemoryRestart, "max_log_size": &s.MaxLogSize, "max_memory": &s.MaxMemory} {
		if n, ok := v[key].(app.Bytes); ok {
			*field = n
		}
	}
	c.applyRest(s, v)
}

func (c Context) applyRest(s *app.Spec, v values) {
	for key, field := range map[string]*int{"max_log_files": &s.MaxLogFiles, "max_pids": &s.MaxPIDs, "io_weight": &s.IOWeight, "warm": &s.Warm} {
		if n, ok := v[key].(int); ok {
			*field = n
		}
	}
	if percent, ok := v["max_cpu"].(float64); ok {
		s.MaxCPU = percent
	}
	if codes, ok := v["stop_exit_codes"].([]int); ok {
		s.StopExitCodes = codes
	}
	if l, ok := v["limits"].(*app.Limits); ok {
		s.Limits = l
	}
	if h, ok := v["health"].(*app.Health); ok {
		s.Health = h
	}
	if list, ok := v["depends_on"].([]app.Dependency); ok {
		s.DependsOn = list
	}
	c.applyRecovery(s, v)
	if kind, _ := v["log_type"].(string); kind == string(app.JSON) || kind == string(app.Raw) {
		s.LogType = app.LogFormat(kind)
	}
	for key, field := range map[string]*json.RawMessage{"watch": &s.Watch, "watch_options": &s.WatchOptions} {
		if tree, ok := v[key]; ok {
			*field = raw(tree)
		}
	}
	if v["automation"] == false || v["pmx"] == "false" {
		s.PMX = new(bool)
	}
	if v["automation"] == false {
		s.Extra = maps.Clone(s.Extra)
		carry(s, "automation", false)
	}
	if s.Username == "" {
		s.Username = c.caller()
	}
	if _, always := c.Env.Get("ASZ_MODE"); always || v["time"] == true {
		s.LogDateFormat = "YYYY-MM-DDTHH:mm:ss" // local time, without a zone, as PM2
	}
	for _, key := range carried {
		if tree, ok := v[key]; ok {
			carry(s, key, tree)
		}
	}
	if cwd, _ := v["cwd"].(string); cwd != "" {
		carry(s, "cwd", cwd) // as it was written
	}
	for _, key := range []string{"time", "force"} { // a no is in PM2's records, too
		if v[key] == false {
			carry(s, key, false)
		}
	}
}

// carry keeps an attribute for listings and dumps.
func carry(s *app.Spec, key string, tree any) {
	if s.Extra == nil {
		s.Extra = map[string]json.RawMessage{}
	}
	s.Extra[key] = raw(tree)
}
