package pm2

// Compatible is the PM2 whose records and wire these are.
const Compatible = "7.0.4"

// schemaKeys are the keys of an app's settings in a record, in PM2's order. Records have those that are set.
var schemaKeys = [...]string{
	"name", "filter_env", "namespace", "install_url", "cwd", "args", "exec_interpreter", "node_args", "disable_logs",
	"log_type", "log_date_format", "time", "env", "max_memory_restart", "restart_delay", "exp_backoff_restart_delay",
	"source_map_support", "disable_source_map_support", "wait_ready", "instances", "kill_timeout",
	"shutdown_with_message", "listen_timeout", "cron_restart", "merge_logs", "vizion", "autostart", "autorestart",
	"stop_exit_codes", "watch_delay", "watch", "ignore_watch", "watch_options", "min_uptime", "max_restarts", "force", "write",
	"append_env_to_name", "post_update", "trace", "v8", "event_loop_inspector", "deep_monitoring", "increment_var",
	"instance_var", "pmx", "automation", "treekill", "port", "username", "uid", "gid", "windowsHide",
	"kill_retry_time", "io",
}

// internal reports that key is one of PM2's own in a record, and so not an environment variable that was copied there.
func internal(key string) bool {
	switch key {
	case "name", "filter_env", "namespace", "install_url", "cwd", "args", "exec_interpreter", "node_args",
		"disable_logs", "log_type", "log_date_format", "time", "env", "max_memory_restart", "restart_delay",
		"exp_backoff_restart_delay", "source_map_support", "disable_source_map_support", "wait_ready", "instances",
		"kill_timeout", "shutdown_with_message", "listen_timeout", "cron_restart", "merge_logs", "vizion", "autostart",
		"autorestart", "stop_exit_codes", "watch_delay", "watch", "ignore_watch", "watch_options", "min_uptime",
		"max_restarts", "exec_mode", "force", "append_env_to_name", "post_update", "trace", "v8",
		"event_loop_inspector", "deep_monitoring", "increment_var", "instance_var", "pmx", "automation", "treekill",
		"port", "username", "uid", "gid", "windowsHide", "kill_retry_time", "io", "write", "execute_command",
		"disable_trace", "script", "out_file", "error_file", "log_file", "pid_file",
		"pm_exec_path", "pm_cwd", "pm_log_path", "pm_out_log_path", "pm_err_log_path", "pm_pid_path", "km_link",
		"vizion_running", "versioning", "unique_id", "status", "pm_uptime", "axm_actions", "axm_monitor",
		"axm_options", "axm_dynamic", "created_at", "pm_id", "restart_time", "unstable_restarts", "_pm2_version",
		"version", "node_version", "prev_restart_delay", "exit_code", "_tree_pids", "_km_monitored", "pmx_module",
		"module_conf", "restart_task", "backoff_restart_task", weaverKey:
		return true
	}
	return false
}

// hiddenByEnv reports that `env <id>` leaves the key out.
func hiddenByEnv(key string) bool {
	switch key {
	case "name", "args", "node_args", "env", "filter_env", "instances", "merge_logs", "vizion", "autostart",
		"autorestart", "stop_exit_codes", "watch", "exec_mode", "instance_var", "pmx", "automation", "treekill",
		"username", "windowsHide", "kill_retry_time", "pm_exec_path", "pm_cwd", "exec_interpreter", "pm_out_log_path",
		"pm_err_log_path", "pm_pid_path", "status", "pm_uptime", "axm_actions", "axm_monitor", "axm_options",
		"axm_dynamic", "created_at", "pm_id", "restart_time", "unstable_restarts", "prev_restart_delay", "exit_code":
		return true
	}
	return false
}
