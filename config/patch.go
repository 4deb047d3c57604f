package config

import (
	"encoding/json"
	"fmt"
	"maps"

	"weaver/app"
)

// Patch is the app s with the flags of a restart or reload: only what was given changes. Without f.UpdateEnv the
// environment stays; with it the caller's is laid over it, and nothing is ever removed. --watch without a path
// switches watching on or off. "null" unsets a text. -i is not used: scaling is its own command, as with PM2, where
// --cwd and the log files are not used either (strictly, they are not here).
func Patch(s app.Spec, f Flags, scriptArgs []string, c Context) (app.Spec, error) {
	in := f.object()
	unset := map[string]bool{}
	kept := in[:0:0]
	for _, m := range in {
		if m.val == "null" {
			unset[m.key] = true
			continue
		}
		kept = append(kept, m)
	}
	vals, _, errs := check(kept, c)
	if len(errs) > 0 {
		for i := range errs {
			errs[i].App = ""
		}
		return s, &Invalid{errs}
	}
	old := s
	s = s.Clone()
	s.Extra = maps.Clone(s.Extra)
	if watch, ok := vals["watch"].(bool); ok && watch {
		vals["watch"] = falsyJSON(old.Watch)
	}
	username := s.Username
	c.apply(&s, vals)
	if username != "" {
		s.Username = username
	}
	if name, _ := vals["name"].(string); name != "" {
		s.Name = name
	}
	if len(scriptArgs) > 0 {
		s.Args = scriptArgs
	}
	if err := c.patchRun(&s, vals); err != nil {
		return old, err
	}
	if err := c.patchEnv(&s, f, vals); err != nil {
		return old, err
	}
	clearText(&s, unset)
	if err := checkWarm(&s); err != nil {
		return old, err
	}
	return s, nil
}

// patchRun changes what runs the script, and where, and where it writes to.
func (c Context) patchRun(s *app.Spec, v values) error {
	if asked, _ := v["exec_interpreter"].(string); asked != "" {
		in, err := ResolveInterpreter(c, s.Cwd, asked, s.Script)
		if err != nil {
			return err
		}
		s.Interpreter = in.Path
		if s.Mode == app.Cluster && !in.Node() {
			s.Mode = app.Fork
		}
	}
	if merge, ok := v["merge_logs"].(bool); ok {
		s.MergeLogs = merge
	}
	if c.Strict {
		return nil
	}
	if _, ok := v["cwd"]; ok {
		cwd, err := c.directory(v)
		if err != nil {
			return err
		}
		s.Cwd = cwd
	}
	named := app.Spec{Name: s.Name, Cwd: c.Cwd}
	c.logFiles(&named, v)
	for key, move := range map[string]func(){
		"out_file":   func() { s.OutFile = named.OutFile },
		"error_file": func() { s.ErrorFile = named.ErrorFile },
		"log_file":   func() { s.LogFile = named.LogFile },
		"pid_file":   func() { s.PIDFile = named.PIDFile },
	} {
		if _, ok := v[key]; ok {
			move()
		}
	}
	return nil
}

func (c Context) patchEnv(s *app.Spec, f Flags, v values) error {
	if words := filterWords(v["filter_env"]); words != nil {
		s.FilterEnv = words
	}
	if f.UpdateEnv {
		s.Env.Merge(c.inherited(s.FilterEnv))
	}
	s.Env.Merge(envOf(v["env"]))
	if _, ok := v["port"]; ok && s.Port != nil && *s.Port != 0 {
		s.Env.Set("PORT", fmt.Sprint(*s.Port))
	}
	if f.Env != "" {
		section, ok := s.EnvProfiles["env_"+f.Env]
		if !ok {
			return saidf("Using --env [env] without passing the ecosystem.config.js does not work")
		}
		env, err := parseJSONish("env_"+f.Env, section)
		if err != nil {
			return fmt.Errorf("read env_%s of %s: %w", f.Env, s.Name, err)
		}
		overlay(&s.Env, env)
	}
	return c.account(s, v)
}

// clearText takes back what was given as "null".
func clearText(s *app.Spec, unset map[string]bool) {
	for key, field := range map[string]*string{
		"namespace": &s.Namespace, "log_date_format": &s.LogDateFormat, "cron_restart": &s.CronRestart,
		"kill_signal": &s.KillSignal, "uid": &s.User, "gid": &s.Group,
	} {
		if unset[key] {
			*field = ""
		}
	}
	if unset["depends_on"] {
		s.DependsOn = nil
	}
	if unset["max_memory_restart"] {
		s.MaxMemoryRestart = 0
	}
	if unset["max_cpu"] {
		s.MaxCPU = 0
	}
	if unset["max_memory"] {
		s.MaxMemory = 0
	}
	if unset["max_pids"] {
		s.MaxPIDs = 0
	}
	if unset["io_weight"] {
		s.IOWeight = 0
	}
	if unset["warm"] {
		s.Warm = 0
	}
	if unset["log_file"] {
		s.LogFile = ""
	}
	if unset["log_type"] {
		s.LogType = ""
	}
	if unset["node_args"] {
		s.InterpreterArgs = nil
	}
	if unset["ignore_watch"] {
		s.IgnoreWatch = nil
	}
}

// falsyJSON reports that watching is off.
func falsyJSON(raw json.RawMessage) bool {
	switch string(raw) {
	case "", "null", "false", `""`, "[]":
		return true
	}
	return false
}
