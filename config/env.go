package config

import (
	"encoding/json"
	"math"
	"strings"

	"weaver/app"
)

// neverInherited is about the process that called weaver and would lie about the one that weaver starts.
var neverInherited = [...]string{
	"NODE_CHANNEL_FD", "NODE_CHANNEL_SERIALIZATION_MODE", "NODE_UNIQUE_ID", "WEAVER_SERVICE",
	"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC",
}

// managedKeys are what a managed app finds in its environment about itself. They are dropped where pm_id says that
// weaver was called from within one, so that a child is not named after its parent.
var managedKeys = [...]string{
	"args", "automation", "autorestart", "autostart", "axm_actions", "axm_dynamic", "axm_monitor", "axm_options",
	"created_at", "cron_restart", "cwd", "env", "exec_interpreter", "exec_mode", "exit_code", "filter_env", "instance_var",
	"instances", "kill_retry_time", "kill_timeout", "km_link", "max_memory_restart", "max_restarts", "merge_logs",
	"min_uptime", "name", "namespace", "node_args", "node_version", "pm_cwd", "pm_err_log_path", "pm_exec_path", "pm_id",
	"pm_log_path", "pm_out_log_path", "pm_pid_path", "pm_uptime", "pmx", "prev_restart_delay", "restart_delay",
	"restart_time", "status", "treekill", "unique_id", "unstable_restarts", "username", "version", "vizion",
	"vizion_running", "watch", "windowsHide",
	"NODE_APP_INSTANCE", "PM2_INTERACTOR_PROCESSING", "PM2_JSON_PROCESSING", "PM2_USAGE",
}

// inherited is the caller's environment as apps get it. filter drops names that contain one of its words; a word
// that begins with "=" drops that name exactly.
func (c Context) inherited(filter []string) app.Env {
	_, managed := c.Env.Get("pm_id")
	drop := map[string]bool{}
	for _, name := range neverInherited {
		drop[name] = true
	}
	if managed {
		for _, name := range managedKeys {
			drop[name] = true
		}
	}
	env := make(app.Env, 0, len(c.Env))
	for _, v := range c.Env {
		if !drop[v.Name] && !filtered(v.Name, filter) {
			env = append(env, v)
		}
	}
	// PM2's programs mark their own environments, and every app inherits that, unless it is filtered.
	marks := []app.Var{{Name: "PM2_USAGE", Value: "CLI"}}
	if c.Runtime {
		marks = []app.Var{{Name: "PM2_DISCRETE_MODE", Value: "true"}, {Name: "PM2_INTERACTOR_PROCESSING", Value: "true"}, {Name: "PM2_PROGRAMMATIC", Value: "true"}}
	}
	if c.Silent && !c.Runtime {
		marks = append(marks, app.Var{Name: "PM2_DISCRETE_MODE", Value: "true"})
	}
	for _, m := range marks {
		if !filtered(m.Name, filter) {
			env.Set(m.Name, m.Value)
		}
	}
	return env
}

func filtered(name string, filter []string) bool {
	for _, word := range filter {
		if exact, ok := strings.CutPrefix(word, "="); ok && name == exact || !ok && word != "" && strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// filterWords brings the three forms of filter_env into one. PM2 accepts true and does nothing.
func filterWords(v any) []string {
	switch v := v.(type) {
	case string:
		if v != "" {
			return []string{"=" + v}
		}
	case []any:
		var words []string
		for _, e := range v {
			words = append(words, text(e))
		}
		return words
	}
	return nil
}

// envOf is an "env" section as an environment.
func envOf(v any) app.Env {
	o, _ := v.(object)
	env := make(app.Env, 0, len(o))
	for _, m := range o {
		bare := false
		switch v := m.val.(type) {
		case float64:
			if math.IsNaN(v) || math.IsInf(v, 0) {
				continue // which JSON cannot say: to PM2's programs it is not there
			}
			bare = true
		case bool:
			bare = true
		}
		env = append(env, app.Var{Name: m.key, Value: text(m.val), Bare: bare})
	}
	return env
}

// overlay puts a section for one environment, a deploy target's or an "env_NAME", over env: null takes a variable away, as with PM2.
func overlay(env *app.Env, v any) {
	o, _ := v.(object)
	var gone []string
	set := make(object, 0, len(o))
	for _, m := range o {
		if m.val == nil {
			gone = append(gone, m.key)
		} else {
			set = append(set, m)
		}
	}
	env.Merge(envOf(set))
	for _, name := range gone {
		env.Unset(name)
	}
}

// profiles are the "env_NAME" sections of an app.
func profiles(in object) map[string]json.RawMessage {
	var out map[string]json.RawMessage
	for _, m := range in {
		if _, ok := m.val.(object); ok && strings.HasPrefix(m.key, "env_") {
			if out == nil {
				out = map[string]json.RawMessage{}
			}
			out[m.key] = raw(m.val)
		}
	}
	return out
}
