package cli

import "weaver/api"

// command is one row of the table: everything that is known about a command.
type command struct {
	name  string
	alias string // other names, blank separated
	args  string // positional arguments, for help
	// wants are the positional arguments as PM2 calls them, blank separated, for saying which is missing.
	wants string
	// min and max bound the number of positional arguments; max < 0 is any number.
	min, max int
	flags    []flag // its own, before the common ones and those of apps
	spec     bool   // flags of apps mean something to it: help shows them
	rest     bool   // what follows "--" is for the app
	// target says that a positional argument may be absent only where target files stand in (ecosystem.config.js).
	target  bool
	numbers bool // "-1" is an argument
	talk    bool // what it prints is talk to PM2, which --silent takes away: its jlist and logs are not
	// tolerant says that unknown flags are left out, with a warning.
	tolerant bool
	hot      hotForm
	lent     lent   // whether the daemon may run it for the thin front end
	lentWith string // the flag without which it may not, if there is one
	hidden   bool
	group    string
	help     string
	run      func(*call) error
	// service is the row's second form, `service NAME …`; nil if it has none. A row without run has only that.
	service *command
}

// hotForm is the form in which the thin front end may answer a command itself: plain names and ids, and these flags.
type hotForm struct {
	verb     string // of the hot door; empty is never
	mutates  bool   // it changes something: it takes the locks of the apps that its arguments mean
	min, max int    // number of arguments; max < 0 is any number
	flags    string // flags that keep the form, blank separated
}

// lent says whether a command needs nothing of the process that it was called in, so that the supervisor can run it in its
// own: one question or wish, and an answer.
type lent uint8

const (
	notLent  lent = iota
	lentRead      // it changes nothing
	lentAct
)

// The groups of the help text, in its order.
const (
	groupRun   = "Run and stop"
	groupLook  = "Look"
	groupLogs  = "Logs"
	groupList  = "The saved list"
	groupSet   = "Settings and files"
	groupOwn   = "The supervisor"
	targetArgs = "NAME|ID|NAMESPACE|all|/REGEX/…"
)

// commands is the table. Help, completion, the grammar and the thin front end's table all come from it.
//
// It is a function so that a process that only needs one row builds no more than the slice.
func commands() []command {
	return []command{
		{
			name: "start", args: "[SCRIPT|\"COMMAND LINE\"|FILE|NAME|ID|-]… [-- ARGS]", max: -1, spec: true, rest: true, target: true,
			lent: lentAct, group: groupRun, help: "start scripts, programs, config files, or what is known already", run: runStart,
			hot:     hotForm{verb: "start", mutates: true, min: 1, max: 1, flags: "mini-list no-color no-lock no-cache"},
			service: serviceStart(),
		},
		{
			name: "stop", wants: "id|name|namespace|all|json|stdin", args: targetArgs, min: 1, max: -1,
			lent: lentAct, group: groupRun, help: "stop processes, and keep them in the list", run: runStop,
			hot:     hotForm{verb: "stop", mutates: true, min: 1, max: -1, flags: "mini-list no-color no-lock no-cache"},
			service: serviceStop(),
		},
		{
			name: "restart", wants: "id|name|namespace|all|json|stdin", args: targetArgs + " [-- ARGS]", min: 1, max: -1, spec: true, rest: true,
			lent: lentAct, group: groupRun, help: "stop and start processes, with the flags given here", run: runRestart,
			hot:     hotForm{verb: "restart", mutates: true, min: 1, max: -1, flags: "mini-list no-color no-lock no-cache"},
			service: serviceRestart(),
		},
		{
			name: "reload", wants: "id|name|namespace|all", args: targetArgs + " [-- ARGS]", min: 1, max: -1, spec: true, rest: true,
			lent: lentAct, group: groupRun, help: "restart without downtime where that can be", run: runReload,
			hot:     hotForm{verb: "reload", mutates: true, min: 1, max: -1, flags: "no-color no-lock no-cache"},
			service: serviceReload(),
		},
		{
			name: "startOrRestart", wants: "json", args: "FILE", min: 1, max: 1, spec: true,
			lent: lentAct, group: groupRun, help: "start or restart the apps of a config file", run: runStartOrRestart,
		},
		{
			name: "startOrReload", alias: "startOrGracefulReload", wants: "json", args: "FILE", min: 1, max: 1, spec: true,
			lent: lentAct, group: groupRun, help: "start or reload the apps of a config file", run: runStartOrReload,
		},
		{
			name: "runtime", args: "FILE [-- ARGS]", max: -1, spec: true, rest: true, flags: runtimeFlags(),
			group: groupRun, help: "run apps in the foreground, as the main process of a container", run: runRuntime,
		},
		{
			name: "dev", args: "FILE [-- ARGS]", max: -1, spec: true, rest: true, flags: devFlags(),
			group: groupRun, help: "run apps in the foreground, and restart them when their files change", run: runDev,
		},
		{
			name: "delete", alias: "del", wants: "name|id|namespace|script|all|json|stdin", args: targetArgs, min: 1, max: -1,
			lent: lentAct, group: groupRun, help: "stop processes, and forget them", run: runDelete,
			hot:     hotForm{verb: "delete", mutates: true, min: 1, max: -1, flags: "mini-list no-color no-lock no-cache"},
			service: serviceDelete(),
		},
		{
			name: "scale", wants: "app_name number", args: "NAME N|+N|-N", min: 2, max: 2, numbers: true,
			lent: lentAct, group: groupRun, help: "change the number of an app's instances", run: runScale,
			service: serviceScale(),
		},
		{
			name: "reset", wants: "name|id|all", args: targetArgs, min: 1, max: -1,
			lent: lentAct, group: groupRun, help: "set counters back to zero", run: runReset,
		},
		{
			name: "sendSignal", wants: "signal pm2_id|name", args: "SIGNAL " + targetArgs, min: 2, max: -1,
			lent: lentAct, group: groupRun, help: "send a signal to processes", run: runSignal,
		},

		{
			name: "trigger", args: "NAME|ID|NAMESPACE|all ACTION [OPTIONS]", wants: "id|proc_name|namespace|all action_name", min: 2, max: -1,
			group: groupRun, help: "have programs do what they offer (describe shows what)", run: runTrigger,
		},
		{
			name: "send", args: "ID LINE", wants: "pm_id line", min: 2, max: -1,
			group: groupRun, help: "write a line to a process's standard input", run: runSend,
		},
		{
			name: "attach", args: "ID [SEPARATOR]", wants: "pm_id", min: 1, max: -1,
			group: groupRun, help: "show a process's output, and write what is typed to its standard input", run: runAttach,
		},
		{
			name: "service", args: "COMMAND [NAME]", max: -1,
			group: groupRun, help: "services by name: start, stop, status, health, metrics and more; weaver service -h", run: runServiceHelp,
		},

		{
			name: "list", talk: true, alias: "ls l ps status", args: "[" + targetArgs + "]", max: -1,
			flags: []flag{{name: "watch", help: "show it again and again"}},
			lent:  lentRead, group: groupLook, help: "show all processes", run: runList,
			hot:     hotForm{verb: "list", flags: "mini-list json no-color no-cache"},
			service: serviceList(),
		},
		{
			name: "describe", talk: true, alias: "desc info show", wants: "name|id", args: "NAME|ID…", min: 1, max: -1, flags: secretsFlag(),
			lent: lentRead, group: groupLook, help: "show everything about processes", run: runDescribe,
		},
		{
			name: "monit", alias: "dashboard dash imonit", max: 0,
			group: groupLook, help: "show what runs, what it uses and what it prints, live", run: runMonit,
		},
		{
			name: "why", args: "NAME|ID…", min: 1, max: -1,
			lent: lentRead, group: groupLook, help: "say where a process is, how it came there and what happens next", run: runWhy,
		},
		{
			name: "audit", max: 0,
			flags: []flag{{name: "lines", alias: "n", arity: one, meta: "N", help: "the last N acts (30)"}},
			lent:  lentRead, group: groupLook, help: "show who asked for what, and what came of it", run: runAudit,
		},
		{
			name: "jlist", args: "[" + targetArgs + "]", max: -1, flags: secretsFlag(),
			lent: lentRead, group: groupLook, help: "print all processes as JSON, in PM2's shape", run: runJList,
			hot: hotForm{verb: "jlist", flags: "show-secrets no-color no-cache"},
		},
		{
			name: "prettylist", max: 0, flags: secretsFlag(),
			lent: lentRead, group: groupLook, help: "the same, for people", run: runPrettyList,
			hot: hotForm{verb: "prettylist", flags: "show-secrets no-color no-cache"},
		},
		{
			name: "env", talk: true, wants: "id", args: "ID", min: 1, max: 1, flags: secretsFlag(),
			lent: lentRead, group: groupLook, help: "print the environment of a process", run: runEnv,
		},
		{
			name: "pid", talk: true, args: "[NAME]", max: 1,
			lent: lentRead, group: groupLook, help: "print pids", run: runPID,
			hot: hotForm{verb: "pid", max: 1, flags: "no-color no-cache"},
		},
		{
			name: "id", talk: true, wants: "name", args: "NAME", min: 1, max: 1,
			lent: lentRead, group: groupLook, help: "print the ids of an app", run: runID,
			hot: hotForm{verb: "id", min: 1, max: 1, flags: "no-color no-cache"},
		},
		{
			name: "inspect", args: "NAME", wants: "name", min: 1, max: -1,
			group: groupLook, help: "open Node's inspector in an app", run: runInspect,
		},
		{
			name: "profile:cpu", args: "[NAME|ID] [MS]", max: 2,
			group: groupLook, help: "profile the CPU of a Node app, or of the supervisor", run: runProfileCPU,
		},
		{
			name: "profile:mem", args: "[NAME|ID] [MS]", max: 2,
			group: groupLook, help: "sample the heap of a Node app, or of the supervisor", run: runProfileMem,
		},

		{name: "status", group: groupLook, help: "show one service, or all", service: serviceStatus()},
		{name: "health", group: groupLook, help: "check services now: exit 0 healthy, 1 degraded, 2 unhealthy", service: serviceHealth()},
		{name: "metrics", group: groupLook, help: "show what services used over time", service: serviceMetrics()},
		{name: "stats", group: groupLook, help: "show what services use, sorted", service: serviceStats()},
		{name: "monitor", group: groupLook, help: "a live view of services", service: serviceMonitor()},

		{
			name: "logs", alias: "log", args: "[" + targetArgs + "]", max: -1, flags: logFlags(),
			lent: lentRead, lentWith: "nostream", group: groupLogs, help: "show stored output, then follow it", run: runLogs,
			service: serviceLogs(),
		},
		{
			name: "flush", args: "[" + targetArgs + "]", max: -1,
			lent: lentAct, group: groupLogs, help: "empty log files", run: runFlush,
		},
		{
			name: "reloadLogs", max: 0,
			group: groupLogs, help: "open log files again, after something moved them", run: runReloadLogs,
		},

		{
			name: "save", alias: "dump", max: 0,
			flags: []flag{{name: "force", alias: "f", help: "save an empty list too"}},
			lent:  lentAct, group: groupList, help: "save the list of processes", run: runSave,
		},
		{
			name: "resurrect", max: 0,
			group: groupList, help: "start what was saved", run: runResurrect,
		},
		{
			name: "cleardump", max: 0,
			group: groupList, help: "empty the saved list", run: runClearDump,
		},

		{
			name: "ping", talk: true, max: 0,
			group: groupOwn, help: "start the supervisor unless it runs, and say that it does", run: runPing,
			hot: hotForm{verb: "ping", flags: "json no-color no-cache"},
		},
		{
			name: "kill", max: 0,
			group: groupOwn, help: "stop all processes and the supervisor", run: runKill,
		},
		{
			name: "update", alias: "updatePM2", args: "[BINARY]", max: 1,
			group: groupOwn, help: "have this weaver, or another, take over supervision while everything runs", run: runUpdate,
		},
		{
			name: "cache", args: "stats|clear", min: 1, max: 1,
			group: groupOwn, help: "show or empty the metrics cache", run: runCache,
		},
		{
			name: "lock", args: "list|clear-stale", min: 1, max: 1,
			group: groupOwn, help: "show the locks of commands, or remove the files that dead ones left", run: runLock,
		},
		{
			name: "set", args: "[KEY VALUE]", max: -1,
			group: groupSet, help: "change a setting: KEY, or SECTION:KEY for an app, a module or weaver (cache, lock, log, metrics)", run: runSet,
		},
		{
			name: "multiset", args: "\"KEY VALUE KEY VALUE…\"", wants: "value", min: 1, max: -1,
			group: groupSet, help: "change several settings", run: runMultiSet,
		},
		{
			name: "get", args: "[KEY]", max: 1,
			group: groupSet, help: "show a setting, a section, or all", run: runGet,
		},
		{name: "conf", args: "[KEY]", max: -1, group: groupSet, help: "show all settings", run: runConf},
		{name: "config", args: "KEY [VALUE]", wants: "key", min: 1, max: -1, hidden: true, run: runConfig},
		{
			name: "unset", args: "KEY|all", wants: "key", min: 1, max: -1,
			group: groupSet, help: "take a setting back", run: runUnset,
		},
		{
			name: "ecosystem", alias: "init", args: "[simple]", max: 1,
			group: groupSet, help: "write a config file to begin with", run: runEcosystem,
		},
		{
			name: "validate", args: "FILE…", min: 1, max: -1, spec: true,
			group: groupSet, help: "check config files, and start nothing", run: runValidate,
		},
		{
			name: "plan", args: "FILE", min: 1, max: 1, spec: true,
			flags: []flag{{name: "exit-code", help: "exit with 2 if something would change"}},
			group: groupSet, help: "show what apply would change", run: runPlan,
		},
		{
			name: "apply", args: "FILE", min: 1, max: 1, spec: true,
			flags: []flag{{name: "prune", help: "delete what came from the file, and is not in it any more"}},
			group: groupSet, help: "make what runs as a config file has it, and touch nothing else", run: runApply,
		},
		{name: "schema", max: 0, group: groupSet, help: "print the JSON Schema of config files", run: runSchema},
		{
			name: "serve", alias: "expose", args: "[DIR] [PORT]", max: 2, spec: true, flags: serveFlags(),
			group: groupRun, help: "start a service that serves the files of a directory over HTTP", run: runServe,
		},
		{
			name: "install", alias: "module:install module:update", wants: "module|git:/", args: "PACKAGE|ARCHIVE|.", min: 1, max: -1,
			group: groupSet, help: "install modules of npm's and start them", run: runInstall,
		},
		{
			name: "uninstall", alias: "module:uninstall", args: "NAME|all", wants: "module", min: 1, max: -1,
			group: groupSet, help: "end modules and remove them", run: runUninstall,
		},
		{
			name: "package", args: "[DIR]", max: 1,
			group: groupSet, help: "pack a module into an archive that install takes", run: runPackage,
		},
		{name: "publish", alias: "module:publish", max: -1, hidden: true, run: runInstead},
		{name: "module:generate", max: -1, hidden: true, run: runInstead},
		{name: "logrotate", max: -1, hidden: true, run: runInstead},
		{name: "deepUpdate", max: -1, hidden: true, run: runInstead},
		{name: "autoinstall", max: -1, hidden: true, run: runInstead},
		{
			name: "report", max: 0, group: groupLook, help: "print what a report of a fault needs", run: runReport,
		},
		{
			name: "slist", alias: "sysinfos", max: 0, flags: []flag{{name: "tree", alias: "t", help: "as a tree"}},
			group: groupLook, help: "print the machine's figures", run: runSysinfos,
		},
		{
			name: "create", args: "[http|worker|cron] [DIR]", max: 2,
			group: groupSet, help: "make a small app to begin with, and start it", run: runCreate,
		},
		{
			name: "deploy", args: "[FILE] ENVIRONMENT [COMMAND]", wants: "file|environment", min: 1, max: -1,
			group: groupSet, help: "deploy by ssh and git, as the deploy section of a config file says", run: runDeploy,
		},
		{
			name: "pull", args: "NAME", wants: "name", min: 1, max: -1,
			group: groupSet, help: "update the working copy of an app by git, and reload it", run: runPull,
		},
		{name: "forward", args: "NAME", wants: "name", min: 1, max: -1, group: groupSet, help: "go to the next commit, and reload", run: runForward},
		{name: "backward", args: "NAME", wants: "name", min: 1, max: -1, group: groupSet, help: "go to the commit before, and reload", run: runBackward},
		{
			name: "migrate", max: 0, flags: migrateFlags(),
			group: groupOwn, help: "take over the processes of a PM2 that runs, or give them back", run: runMigrate,
		},
		{
			name: "import", args: "pm2 [HOME]|procfile|supervisord|systemd|compose FILE…", wants: "format", min: 1, max: -1, flags: importFlags(),
			group: groupSet, help: "make a config file of what another supervisor reads, or take over what PM2 has saved", run: runImport,
		},
		{
			name: "export", args: "systemd|compose|k8s|nomad [NAME|ID…]", wants: "format", min: 1, max: -1, flags: exportFlags(),
			group: groupSet, help: "describe apps to another supervisor: units, a compose file, manifests, a job", run: runExport,
		},
		{name: "examples", max: -1, hidden: true, run: runExamples},
		{name: "link", max: -1, hidden: true, run: runPaid},
		{name: "unlink", max: -1, hidden: true, run: runPaid},
		{name: "plus", alias: "register", max: -1, hidden: true, run: runPaid},
		{name: "login", max: -1, hidden: true, run: runPaid},
		{name: "logout", max: -1, hidden: true, run: runPaid},
		{name: "open", max: -1, hidden: true, run: runPaid},
		{name: "monitor", max: -1, hidden: true, run: runPaid},
		{name: "unmonitor", max: -1, hidden: true, run: runPaid},
		{name: "static-server", max: 0, hidden: true, run: runStaticServer},
		{
			name: "startup", args: "[PLATFORM]", max: 1, flags: startupFlags(),
			group: groupOwn, help: "have the init system start the supervisor at boot", run: runStartup,
		},
		{
			name: "unstartup", args: "[PLATFORM]", max: 1, group: groupOwn, help: "take that back", run: runUnstartup,
		},
		{
			name: "alias", args: "pm2", min: 1, max: 1, flags: aliasFlags(),
			group: groupOwn, help: "make links by PM2's names to weaver, or remove them", run: runAlias,
		},
		{
			name: "doctor", max: 0,
			flags: []flag{{name: "no-proof", help: "look only, without a throwaway service"}},
			group: groupOwn, help: "check the installation, and prove on a throwaway service what weaver promises", run: runDoctor,
		},
		{
			name: "completion", args: "[bash|zsh|fish]", max: 1,
			group: groupOwn, help: "print a completion script for a shell", run: runCompletion,
		},
		{
			name: "help", args: "[COMMAND]", max: 2,
			group: groupOwn, help: "show all commands, or everything about one", run: runHelp,
		},
		{name: "boot", max: 0, flags: bootFlags(), hidden: true, run: runBoot},
		{name: "tick", max: 0, hidden: true, run: runTick},
		{name: api.CommandApply, min: 1, max: 1, spec: true, rest: true, flags: applyFlags(), hidden: true, run: runApplyConfig},
		{name: "complete", args: "WORD…", max: -1, hidden: true, run: runComplete},
	}
}

func logFlags() []flag {
	return []flag{
		{name: "lines", alias: "n", arity: one, meta: "N", help: "stored lines per file (15)"},
		{name: "out", help: "standard output only"},
		{name: "err", help: "standard error only"},
		{name: "raw", help: "lines as they are, without labels"},
		{name: "timestamp", arity: maybe, fits: isDateFormat, meta: "FORMAT", help: "put the time before followed lines (YYYY-MM-DD-HH:mm:ss)"},
		{name: "json", help: "one JSON object a line"},
		{name: "format", help: "timestamp=… app=… id=… type=… message=…"},
		{name: "highlight", arity: maybe, meta: "WORD", help: "mark a word"},
		{name: "since", arity: one, meta: "TIME", help: "only lines from then on (10m, 15:04, RFC 3339): needs lines with a time"},
		{name: "grep", arity: one, free: true, meta: "REGEX", help: "only lines that match"},
		{name: "nostream", help: "end after the stored lines"},
		{name: "follow", alias: "f", help: "follow (the default; --nostream ends after the stored lines)"},
	}
}

// find returns the command called name, or nil.
func find(table []command, name string) *command {
	for i := range table {
		c := &table[i]
		if c.run != nil && (&flag{name: c.name, alias: c.alias}).is(name) {
			return c
		}
	}
	return nil
}

// flag returns the flag called name as this command understands it.
func (c *command) flag(name string) *flag {
	for _, set := range [][]flag{c.flags, commonFlags, specFlags} {
		for i := range set {
			if set[i].is(name) {
				return &set[i]
			}
		}
	}
	return nil
}
