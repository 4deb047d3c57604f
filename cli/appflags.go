package cli

import (
	"slices"
	"strings"

	"weaver/config"
)

// appFlags are the flags that say something about an app, as config wants them.
func (c *call) appFlags() config.Flags {
	f := config.Flags{
		Name: c.str("name"), Namespace: c.str("namespace"), Instances: c.str("instances"), Interpreter: c.str("interpreter"),
		Cwd: c.str("cwd"), Execute: c.bool("execute-command"), Env: c.str("env"), Only: c.str("only"),
		UpdateEnv: c.bool("update-env"), Force: c.bool("force"), FilterEnv: c.words("filter-env"),
		Output: c.str("output"), Error: c.str("error"), PID: c.str("pid"), LogType: c.str("log-type"),
		LogDate: c.str("log-date-format"), Time: c.bool("time"), DisableLogs: c.bool("disable-logs"), MergeLogs: c.bool("merge-logs"),
		KillTimeout: c.str("kill-timeout"), Listen: c.str("listen-timeout"), RestartDelay: c.str("restart-delay"),
		ExpBackoff: c.str("exp-backoff-restart-delay"), MaxMemory: c.str("max-memory-restart"),
		StopCodes: c.list("stop-exit-codes"), Cron: c.str("cron-restart"), WaitReady: c.bool("wait-ready"),
		ShutdownMsg: c.bool("shutdown-with-message"), Watch: c.list("watch"), IgnoreWatch: c.str("ignore-watch"),
		WatchDelay: c.str("watch-delay"), Ext: c.str("ext"), UID: c.str("uid"), GID: c.str("gid"),

		AutoRestart: c.switched("autorestart"), AutoStart: c.switched("autostart"), TreeKill: c.switched("treekill"),
		Vizion: c.switched("vizion"), PMX: c.switched("pmx"), Automation: c.switched("automation"),

		SourceMaps: c.bool("source-map-support"), DisableSourceMaps: c.bool("disable-source-map-support"),
		Trace: c.bool("trace"), DisableTrace: c.bool("disable-trace"), V8: c.bool("v8"),
		EventLoop: c.bool("event-loop-inspector"), DeepMonitoring: c.bool("deep-monitoring"),

		Umask: c.str("umask"), Nice: c.str("nice"), MinUptime: c.str("min-uptime"), KillSignal: c.str("kill-signal"),
		Port: c.str("port"), MaxLogSize: c.str("max-log-size"), MaxLogFiles: c.str("max-log-files"),
		LimitNoFile: c.str("limit-nofile"), LimitNProc: c.str("limit-nproc"), LimitCore: c.str("limit-core"),
		LimitAS: c.str("limit-as"), LimitStack: c.str("limit-stack"), LimitFSize: c.str("limit-fsize"),
		Backoff: c.str("restart-backoff"), RestartWindow: c.str("restart-window"), FailureThreshold: c.str("failure-threshold"),
		PortRetry: c.str("port-retry"), Data: c.str("db"), StateFile: c.str("state-file"), Breaker: c.bool("circuit-breaker"),
		AutoPort: c.bool("auto-port"), AutoRestore: c.bool("auto-restore"), CreateMissing: c.bool("create-if-missing"),
		Health: c.str("health"), Startup: c.str("startup-probe"), Readiness: c.str("readiness"), Liveness: c.str("liveness"),
		Held: c.list("listen"), Idle: c.str("idle"), Warm: c.str("warm"),
		DependsOn: c.list("depends-on"), WaitFor: c.list("wait-for"),
		LimitCPU: c.str("limit-cpu"), LimitLocked: c.str("limit-memlock"), OOMScoreAdj: c.str("oom-score-adj"),
		MaxCPU: c.str("max-cpu"), MaxTree: c.str("max-memory"), MaxPIDs: c.str("max-pids"), IOWeight: c.str("io-weight"),
	}
	if args := c.str("interpreter-args"); args != "" { // an empty variable of a script's says nothing
		f.NodeArgs = &args
	}
	f.Log, f.MaxRestarts = c.last("log"), c.last("max-restarts")
	if f.MaxRestarts != nil && *f.MaxRestarts == "" {
		// A word after it that is no number is not its value here, but what is wrong is that it is a word.
		i := slices.Index(c.typed, "--max-restarts")
		if i >= 0 && i+1 < len(c.typed) && !strings.HasPrefix(c.typed[i+1], "-") {
			f.MaxRestarts = &c.typed[i+1]
		}
	}
	return f
}

// hasAppFlags reports that something about an app is to change.
func (c *call) hasAppFlags() bool {
	for i := range specFlags {
		if c.given(specFlags[i].name) && c.cmd.flag(specFlags[i].name) == &specFlags[i] && !elsewhere(specFlags[i].name) {
			return true
		}
	}
	return len(c.rest) > 0
}

// elsewhere lists those flags of apps that change nothing in an app that exists.
func elsewhere(name string) bool {
	switch name {
	case "only", "write", "attach", "no-daemon", "hp", "wait-ip", "service-name":
		return true
	}
	return false
}

// switched is what --name or --no-name say, nil for neither.
func (c *call) switched(name string) *bool {
	on, off := c.bool(name), c.bool("no-"+name)
	if !on && !off {
		return nil
	}
	return &on
}

// last is the last value of a flag that may have one, nil if it is not given.
func (c *call) last(name string) *string {
	values := c.list(name)
	if len(values) == 0 {
		return nil
	}
	return &values[len(values)-1]
}

// lastWord is the last value of a flag that may have one, empty without.
func (c *call) lastWord(name string) string {
	if word := c.last(name); word != nil {
		return *word
	}
	return ""
}

// words are the values of a flag that may have one, without the bare ones.
func (c *call) words(name string) []string {
	var out []string
	for _, w := range c.list(name) {
		if w != "" {
			out = append(out, w)
		}
	}
	return out
}
