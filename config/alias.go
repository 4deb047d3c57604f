package config

import (
	"strings"
	"sync"
)

// attribute is one key of an ecosystem file.
type attribute struct {
	key     string
	aliases string // blank separated; a key of several words has its camelCase besides
	// types are those that may be written, in the order in which PM2 names them: Array, Boolean, Number, Object, String.
	types string
	as    unit
	min   float64 // of a number
}

// unit is what the value of an attribute becomes.
type unit int

const (
	asText  unit = iota // string
	asFlag              // bool
	asWords             // []string; a string is split
	asWhole             // int
	asCodes             // []int
	asSpan              // app.Duration; numbers are milliseconds
	asSize              // app.Bytes
	asTree              // as written
)

// attributes is every key, in the order in which problems are told. Keys are PM2's, and weaver's own at the end.
var attributes = [...]attribute{
	{key: "name", types: "S"},
	{key: "name_prefix", types: "S"},
	{key: "filter_env", types: "BAS", as: asTree},
	{key: "namespace", types: "S"},
	{key: "install_url", types: "S"},
	{key: "cwd", types: "S"},
	{key: "env", types: "O", as: asTree},
	{key: "args", types: "AS", as: asWords},
	{key: "exec_interpreter", aliases: "interpreter", types: "S"},
	{key: "node_args", aliases: "interpreter_args", types: "AS", as: asWords},
	{key: "script", aliases: "exec cmd command", types: "S"},
	{key: "out_file", aliases: "out output out_log", types: "S"},
	{key: "error_file", aliases: "error err err_file err_log", types: "S"},
	{key: "log_file", aliases: "log", types: "BS", as: asTree},
	{key: "disable_logs", types: "B", as: asFlag},
	{key: "log_type", types: "S"},
	{key: "log_date_format", types: "S"},
	{key: "time", types: "B", as: asFlag},
	{key: "max_memory_restart", types: "SN", as: asSize},
	{key: "pid_file", aliases: "pid", types: "S"},
	{key: "restart_delay", types: "N", as: asSpan},
	{key: "exp_backoff_restart_delay", types: "N", as: asSpan},
	{key: "source_map_support", types: "B", as: asFlag},
	{key: "disable_source_map_support", types: "B", as: asFlag},
	{key: "wait_ready", types: "B", as: asFlag},
	{key: "instances", types: "N", as: asTree},
	{key: "kill_timeout", types: "N", as: asSpan},
	{key: "shutdown_with_message", types: "B", as: asFlag},
	{key: "listen_timeout", types: "N", as: asSpan},
	{key: "cron_restart", aliases: "cron", types: "SN", as: asTree},
	{key: "merge_logs", aliases: "combine_logs", types: "B", as: asFlag},
	{key: "vizion", types: "B", as: asFlag},
	{key: "autostart", types: "B", as: asFlag},
	{key: "autorestart", types: "B", as: asFlag},
	{key: "stop_exit_codes", types: "AN", as: asCodes},
	{key: "watch", types: "BAS", as: asTree},
	{key: "watch_delay", types: "N", as: asSpan},
	{key: "ignore_watch", types: "AS", as: asWords},
	{key: "watch_options", types: "O", as: asTree},
	{key: "min_uptime", types: "NS", as: asSpan, min: 100},
	{key: "max_restarts", types: "N", as: asWhole},
	{key: "execute_command", types: "B", as: asFlag},
	{key: "exec_mode", types: "S"},
	{key: "write", types: "B", as: asTree},
	{key: "force", types: "B", as: asFlag},
	{key: "append_env_to_name", types: "B", as: asFlag},
	{key: "post_update", types: "A", as: asTree},
	{key: "trace", types: "B", as: asTree},
	{key: "disable_trace", types: "B", as: asTree},
	{key: "v8", types: "B", as: asTree},
	{key: "event_loop_inspector", types: "B", as: asTree},
	{key: "deep_monitoring", types: "B", as: asTree},
	{key: "io", types: "O", as: asTree},
	{key: "increment_var", types: "S"},
	{key: "instance_var", types: "S"},
	{key: "pmx", types: "BS", as: asTree},
	{key: "automation", types: "B", as: asFlag},
	{key: "treekill", types: "B", as: asFlag},
	{key: "port", types: "N", as: asWhole},
	{key: "username", types: "S"},
	{key: "uid", aliases: "user", types: "NS", as: asTree},
	{key: "gid", aliases: "group", types: "NS", as: asTree},
	{key: "windowsHide", types: "B", as: asTree},
	{key: "kill_retry_time", types: "N", as: asSpan},

	{key: "kill_signal", aliases: "stop_signal", types: "SN", as: asTree},
	{key: "umask", types: "S", as: asTree},
	{key: "nice", types: "N", as: asWhole, min: -20},
	{key: "limits", types: "O", as: asTree},
	{key: "max_cpu", types: "NS", as: asTree},
	{key: "max_memory", types: "SN", as: asSize},
	{key: "max_pids", types: "N", as: asWhole},
	{key: "io_weight", types: "N", as: asWhole},
	{key: "warm", types: "N", as: asWhole},
	{key: "listen", types: "ANS", as: asTree},
	{key: "idle", aliases: "idle_timeout", types: "NS", as: asSpan},
	{key: "overlap", types: "B", as: asFlag},
	{key: "depends_on", aliases: "dependencies", types: "AOS", as: asTree},
	{key: "wait_for", types: "AOS", as: asTree},
	{key: "drain_timeout", types: "N", as: asSpan},
	{key: "cluster_policy", aliases: "sched", types: "S"},
	{key: "max_log_size", types: "SN", as: asSize},
	{key: "max_log_files", types: "N", as: asWhole},
	{key: "max_log_age", types: "NS", as: asSpan},
	{key: "compress_logs", types: "B", as: asFlag},
	{key: "unhandled_rejections", types: "S"},
	{key: "serialization", types: "S"},
	{key: "tags", types: "AS", as: asTree},
	{key: "restart_backoff", types: "S"},
	{key: "max_restart_delay", types: "NS", as: asSpan},
	{key: "restart_jitter", types: "N", as: asTree},
	{key: "restart_window", types: "NS", as: asSpan},
	{key: "circuit_breaker", types: "B", as: asFlag},
	{key: "failure_threshold", types: "N", as: asWhole, min: 1},
	{key: "port_check", types: "B", as: asFlag},
	{key: "auto_port", types: "B", as: asFlag},
	{key: "port_retry", types: "N", as: asWhole},
	{key: "db", types: "S"},
	{key: "auto_restore", types: "B", as: asFlag},
	{key: "create_if_missing", types: "B", as: asFlag},
	{key: "state_file", types: "S"},
	{key: "health", aliases: "health_check", types: "BOS", as: asTree},
	{key: "startup", aliases: "startup_probe", types: "BOS", as: asTree},
	{key: "readiness", aliases: "readiness_probe", types: "BOS", as: asTree},
	{key: "liveness", aliases: "liveness_probe", types: "BOS", as: asTree},
}

// carried are the attributes that weaver keeps for listings and dumps without acting on them.
var carried = [...]string{
	"name_prefix", "install_url", "write", "post_update", "trace", "disable_trace", "v8", "event_loop_inspector",
	"deep_monitoring", "io", "windowsHide", "tags",
}

// spellings returns every word an attribute goes by, its key first, in the order in which they are looked up.
func (a *attribute) spellings() []string {
	words := []string{a.key}
	if camel := camelCase(a.key); camel != a.key {
		words = append(words, camel)
	}
	for _, alias := range strings.Fields(a.aliases) {
		words = append(words, alias)
		if camel := camelCase(alias); camel != alias {
			words = append(words, camel)
		}
	}
	return words
}

func camelCase(key string) string {
	head, rest, ok := strings.Cut(key, "_")
	for ok && rest != "" {
		var part string
		part, rest, ok = strings.Cut(rest, "_")
		head += strings.ToUpper(part[:min(1, len(part))]) + part[min(1, len(part)):]
	}
	return head
}

// knownKeys is every spelling, for telling an unknown key.
var knownKeys = sync.OnceValue(func() []string {
	var words []string
	for i := range attributes {
		words = append(words, attributes[i].spellings()...)
	}
	return words
})

var keySet = sync.OnceValue(func() map[string]bool {
	set := map[string]bool{}
	for _, k := range knownKeys() {
		set[k] = true
	}
	return set
})
