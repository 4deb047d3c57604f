package cli

import (
	"strconv"
	"strings"
)

// arity says how many words a flag takes after itself.
type arity uint8

const (
	none  arity = iota // --force
	one                // --name web
	maybe              // --watch, --watch src
	many               // --stop-exit-codes 0 3
)

// flag is one flag of the table.
type flag struct {
	name  string // without dashes
	alias string // other spellings, blank separated; a single letter is a short flag
	arity arity
	// free marks a flag whose value commonly starts with a dash, so that the next word is its value whatever it looks like.
	free bool
	// repeats lets a flag with one word be given several times.
	repeats bool
	// fits says which words can be the value of a maybe or many flag; nil is any word.
	fits func(string) bool
	meta string // what the value is called in help
	help string
}

// is reports that name is a spelling of f.
func (f *flag) is(name string) bool {
	if f.name == name {
		return true
	}
	for rest := f.alias; rest != ""; {
		var word string
		word, rest, _ = strings.Cut(rest, " ")
		if word == name {
			return true
		}
	}
	return false
}

// specFlags describe an app. PM2 accepts every one of them with every command, and so does weaver; they mean something
// for those commands that start or change apps.
var specFlags = []flag{
	{name: "name", alias: "n", arity: one, meta: "NAME", help: "name of the app"},
	{name: "instances", alias: "i", arity: one, meta: "N", help: `number of instances, "max" for one per CPU, -1 for one less`},
	{name: "namespace", arity: one, meta: "NAME", help: "namespace of the app"},
	{name: "cwd", arity: one, meta: "DIR", help: "directory to run in"},
	{name: "env", arity: one, meta: "NAME", help: "with a config file: use its env_NAME section"},
	{name: "only", arity: one, meta: "NAMES", help: "with a config file: only these apps, comma separated"},
	{name: "interpreter", arity: one, meta: "PROGRAM", help: `what runs the script; "none" executes it itself`},
	{name: "interpreter-args", alias: "node-args", arity: one, free: true, meta: "ARGS", help: "arguments for the interpreter"},
	{name: "execute-command", alias: "x", help: "run each instance on its own (fork mode)"},
	{name: "output", alias: "o", arity: one, meta: "FILE", help: "file for standard output"},
	{name: "error", alias: "e", arity: one, meta: "FILE", help: "file for standard error"},
	{name: "log", alias: "l", arity: maybe, meta: "FILE", help: "file for both outputs together"},
	{name: "log-type", arity: one, meta: "TYPE", help: "raw or json"},
	{name: "log-date-format", arity: one, meta: "FORMAT", help: "put the time before each line (YYYY-MM-DD HH:mm:ss)"},
	{name: "time", help: "put the time before each line"},
	{name: "merge-logs", help: "one pair of log files for all instances"},
	{name: "disable-logs", help: "store no output"},
	{name: "pid", alias: "p", arity: one, meta: "FILE", help: "pid file"},
	{name: "update-env", alias: "a", help: "restart, reload: take over the environment of this shell"},
	{name: "filter-env", arity: maybe, meta: "PART", help: "drop inherited variables whose name contains PART (repeatable)"},
	{name: "uid", alias: "u user", arity: one, meta: "USER", help: "user to run as"},
	{name: "gid", arity: one, meta: "GROUP", help: "group to run as"},
	{name: "kill-timeout", alias: "k", arity: one, meta: "MS", help: "time between the stop signal and SIGKILL (1600)"},
	{name: "listen-timeout", arity: one, meta: "MS", help: "time to wait for readiness (3000)"},
	{name: "wait-ready", help: `online only once the app has said "ready"`},
	{name: "shutdown-with-message", help: `stop by the message "shutdown" instead of a signal`},
	{name: "max-memory-restart", arity: one, meta: "SIZE", help: "restart above SIZE (150M, 1G)"},
	{name: "max-restarts", arity: maybe, fits: isNumber, meta: "N", help: "give up after N restarts that did not last (16)"},
	{name: "restart-delay", arity: one, meta: "MS", help: "pause before a restart"},
	{name: "exp-backoff-restart-delay", arity: one, meta: "MS", help: "first pause before a restart, growing by half each time"},
	{name: "stop-exit-codes", arity: many, fits: isNumberList, meta: "CODES", help: "exit codes after which there is no restart"},
	{name: "cron-restart", alias: "c cron", arity: one, meta: "PATTERN", help: "restart at these times"},
	{name: "watch", arity: maybe, meta: "DIR", help: "restart when files change (repeatable)"},
	{name: "ignore-watch", arity: one, meta: "PATHS", help: "what not to watch, blank separated"},
	{name: "watch-delay", arity: one, meta: "SECONDS", help: "wait this long for more changes"},
	{name: "ext", arity: one, meta: "EXTENSIONS", help: "watch only files with these extensions, comma separated"},
	{name: "no-autostart", help: "add the app, start it later"},
	{name: "no-autorestart", help: "leave the app alone when it exits"},
	{name: "no-treekill", help: "stop the main process only, not what it started"},
	{name: "no-vizion", help: "no versioning metadata"},
	{name: "no-pmx", help: "no agent inside Node apps"},
	{name: "no-automation", help: "no-pmx, by its old name"},
	{name: "source-map-support", help: "Node: map stack traces to sources"},
	{name: "disable-source-map-support", help: "Node: leave stack traces as they are"},
	{name: "write", alias: "w", help: "write NAME-pm2.json into the current directory"},
	{name: "attach", help: "follow the logs afterwards"},
	{name: "no-daemon", help: "stay in the foreground"},
	{name: "autostart", help: "undo --no-autostart"},
	{name: "autorestart", help: "undo --no-autorestart"},
	{name: "treekill", help: "undo --no-treekill"},
	{name: "min-uptime", arity: one, meta: "MS", help: "a restart after less than this did not last (1000)"},
	{name: "kill-signal", arity: one, meta: "SIGNAL", help: "signal to stop with (SIGINT)"},
	{name: "port", arity: one, meta: "N", help: "exported as PORT"},
	{name: "umask", arity: one, meta: "OCTAL", help: "file mode creation mask"},
	{name: "nice", arity: one, meta: "N", help: "scheduling priority, -20 to 19"},
	{name: "max-log-size", arity: one, meta: "SIZE", help: "rotate log files above SIZE"},
	{name: "max-log-files", arity: one, meta: "N", help: "keep N rotated log files"},
	{name: "limit-nofile", arity: one, meta: "N", help: "limit of open files"},
	{name: "limit-nproc", arity: one, meta: "N", help: "limit of processes of the user"},
	{name: "limit-core", arity: one, meta: "SIZE", help: "limit of core dumps"},
	{name: "limit-as", arity: one, meta: "SIZE", help: "limit of address space"},
	{name: "limit-stack", arity: one, meta: "SIZE", help: "limit of the stack"},
	{name: "limit-fsize", arity: one, meta: "SIZE", help: "limit of file sizes"},
	{name: "limit-cpu", arity: one, meta: "SECONDS", help: "limit of CPU time"},
	{name: "limit-memlock", arity: one, meta: "SIZE", help: "limit of locked memory"},
	{name: "max-cpu", arity: one, meta: "PERCENT", help: "ceiling in percent of one core, of the whole process tree"},
	{name: "max-memory", arity: one, meta: "SIZE", help: "ceiling of the whole process tree: what goes beyond is killed, and restarted"},
	{name: "max-pids", arity: one, meta: "N", help: "ceiling of processes and threads of the whole process tree"},
	{name: "io-weight", arity: one, meta: "N", help: "share of the disks, 1 to 10000 (100)"},
	{name: "oom-score-adj", arity: one, meta: "N", help: "how likely the kernel picks it when memory is out"},
	{name: "restart-backoff", arity: one, meta: "KIND", help: "linear or exponential: how the pause before a restart grows"},
	{name: "restart-window", arity: one, meta: "MS", help: "--max-restarts counts all restarts within this time"},
	{name: "circuit-breaker", help: "after failures in a row no restarts for 60 s, then one trial"},
	{name: "failure-threshold", arity: one, meta: "N", help: "failures in a row that open the circuit (5)"},
	{name: "auto-port", help: "take the next free port if --port is taken"},
	{name: "port-retry", arity: one, meta: "N", help: "look N times again for a port that is taken"},
	{name: "db", arity: one, meta: "FILE", help: "JSON or SQLite file that must be sound before a start"},
	{name: "auto-restore", help: "replace a corrupt --db by FILE.backup"},
	{name: "create-if-missing", help: "create a missing --db, empty"},
	{name: "state-file", arity: one, meta: "FILE", help: "keep the service's record there too, as JSON"},
	{name: "health", arity: one, meta: "URL", help: "restart when this does not answer; what service health asks"},
	{name: "listen", arity: one, repeats: true, meta: "PORT", help: "open PORT, ADDRESS:PORT or a path and keep it; the app inherits it (LISTEN_FDS; repeatable)"},
	{name: "idle", arity: one, meta: "MS", help: "with --listen: start at the first connection, end when none is left for MS"},
	{name: "warm", arity: one, meta: "N", help: "cluster mode: keep N loaded workers that do not listen yet, for a crash or one instance more"},
	{name: "depends-on", alias: "dependencies", arity: one, repeats: true, meta: "NAME[:CONDITION]", help: "start after NAME is started, ready, healthy or completed (ready), and end before it (repeatable)"},
	{name: "wait-for", arity: one, repeats: true, meta: "NAME[:MS]", help: "the same, and give up after MS (repeatable)"},
	{name: "startup-probe", arity: one, meta: "PROBE", help: "it has started when this succeeds"},
	{name: "readiness", arity: one, meta: "PROBE", help: "it is online when this succeeds: http://…, tcp:PORT, exec:COMMAND, grpc:PORT, file:PATH, listening, log:REGEX, notify, fd:3"},
	{name: "liveness", arity: one, meta: "PROBE", help: "restart when this fails: as above, or heartbeat"},
	{name: "trace", help: "accepted for PM2"},
	{name: "disable-trace", help: "accepted for PM2"},
	{name: "v8", help: "accepted for PM2"},
	{name: "event-loop-inspector", help: "accepted for PM2"},
	{name: "deep-monitoring", help: "accepted for PM2"},
	{name: "hp", arity: one, meta: "DIR", help: "startup: home directory"},
	{name: "wait-ip", help: "startup: wait for the network"},
	{name: "service-name", arity: one, meta: "NAME", help: "startup: name of the service"},
}

// commonFlags are understood by every command.
var commonFlags = []flag{
	{name: "json", help: "print the result as JSON"},
	{name: "mini-list", alias: "m", help: "print lists without a table"},
	{name: "sort", arity: one, meta: "FIELD[:desc]", help: "order lists by name, namespace, pid, id, cpu, memory, uptime or status"},
	{name: "force", alias: "f", help: "do it anyway"},
	{name: "parallel", arity: one, meta: "N", help: "act on N processes at a time"},
	{name: "silent", alias: "s", help: "say nothing but data"},
	{name: "no-color", help: "no colours"},
	{name: "lock-timeout", arity: one, meta: "MS", help: "how long to wait for other commands on the same app (10000)"},
	{name: "no-lock", help: "do not wait for other commands on the same app"},
	{name: "no-cache", help: "accepted: what is shown is always fresh"},
}

// isNumber reports a whole number, perhaps negative.
func isNumber(word string) bool {
	_, err := strconv.Atoi(word)
	return err == nil
}

// isNumberList reports whole numbers with commas between them.
func isNumberList(word string) bool {
	for part := range strings.SplitSeq(word, ",") {
		if !isNumber(strings.TrimSpace(part)) {
			return false
		}
	}
	return true
}

// isDateFormat reports a word that can only be a date format: "HH:mm" is one, "web" is not.
func isDateFormat(word string) bool {
	for _, token := range []string{"YY", "MM", "DD", "HH", "hh", "mm", "ss", "SSS"} {
		if strings.Contains(word, token) {
			return true
		}
	}
	return false
}
