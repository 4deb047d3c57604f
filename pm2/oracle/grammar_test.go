//go:build linux

package oracle

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
)

// A random session is what people do: apps are started, in one of the many ways, and then commands are given about them,
// most of them sensible. After each command that changes something it waits until nothing changes any more.
type author struct {
	*rand.Rand
	s     *session
	names []string
	files []string
}

func randomSession(seed uint64) *session {
	a := &author{Rand: rand.New(rand.NewPCG(seed, 0)), s: &session{name: fmt.Sprintf("seed %d", seed), files: map[string]string{}}}
	for range 1 + a.IntN(2) {
		a.does(a.start())
	}
	for range 3 + a.IntN(6) {
		if a.IntN(8) == 0 {
			a.does(a.start())
		} else {
			a.does(a.command())
		}
	}
	a.step("list")
	a.step("seen *")
	a.step("home")
	for name, text := range programs {
		for _, st := range a.s.steps {
			if strings.Contains(st.line, name) || strings.Contains(a.text(), name) || name == "sub/worker.js" {
				a.s.files[name] = text
			}
		}
	}
	return a.s
}

// programs are there besides those of testdata/oracle/apps, where a session names them.
var programs = map[string]string{
	"crash.sh":      "echo begin\nkill -KILL $$\n",
	"later.sh":      "echo begin\nsleep 0.1\nexit 3\n",
	"web.js":        "require('http').createServer((q, r) => r.end('hello')).listen(0, () => console.log('listening'))\n",
	"ready.js":      "setTimeout(() => process.send && process.send('ready'), 50)\nsetInterval(() => {}, 1000)\nprocess.on('SIGINT', () => { console.log('bye'); process.exit(0) })\n",
	"print.py":      "import os, sys, time\nprint('args', sys.argv[1:], flush=True)\nprint('problem', file=sys.stderr, flush=True)\ntime.sleep(1000)\n",
	"loop.mjs":      "console.log(import.meta.url.slice(-8))\nsetInterval(() => {}, 1000)\n",
	"sub/worker.js": "console.log('worker', process.cwd().split('/').pop())\nsetInterval(() => {}, 1000)\n",
}

func (a *author) text() string {
	var b strings.Builder
	for _, text := range a.s.files {
		b.WriteString(text)
	}
	return b.String()
}

func (a *author) step(format string, args ...any) {
	a.s.steps = append(a.s.steps, step{line: fmt.Sprintf(format, args...)})
}

// does gives a command, waits for its end, and looks.
func (a *author) does(line string) {
	a.step("$ %s", line)
	a.step("settle")
	a.step("list name status restart_time exec_mode namespace instances")
}

func (a *author) of(all ...string) string { return all[a.IntN(len(all))] }

// maybe is a text one time in n.
func (a *author) maybe(n int, text string) string {
	if a.IntN(n) == 0 {
		return text
	}
	return ""
}

var someNames = []string{"a", "b", "web", "api", "web-1", "'my app'", "10", "app.js", "a.b", "A", "all-in", "s1", "s10", "s2", "x_y", "@org/pkg", "ünï", "0x1"}

// name is a new name, most times.
func (a *author) name() string {
	n := a.of(someNames...)
	if a.IntN(2) == 0 {
		n = a.of("a", "b", "web", "api")
	}
	a.names = append(a.names, n)
	return n
}

func (a *author) program() string {
	p := a.of("app.js", "seen.js", "seen.js", "sleep.sh", "talk.sh", "trap.sh", "exit.sh", "seen.py", "print.py", "exit.sh", a.of("crash.sh", "app.js", "later.sh"), "later.sh", "web.js", "ready.js", "loop.mjs", "sub/worker.js", "./app.js", "$PWD/app.js", "app", "nosuch.js", "./sleep.sh", "sub/../talk.sh")
	base := strings.TrimPrefix(p, "./")
	if i := strings.LastIndex(base, "/"); i >= 0 {
		base = base[i+1:]
	}
	base, _, _ = strings.Cut(base, ".")
	a.names = append(a.names, base)
	return p
}

// starts with options, a command line or a file.
func (a *author) start() string {
	env := a.maybe(6, a.of("FOO=1 ", "FOO=two\\ words ", "NODE_ENV=production ", "PORT=0 ", "EMPTY= "))
	switch a.IntN(12) {
	case 0, 1, 2:
		return env + a.file()
	case 3:
		line := a.of(`"sleep 1000"`, `"node app.js"`, `"python3 seen.py one two"`, `"node seen.js --port 80"`, `'sh -c "echo hi; sleep 1000"'`, `"echo done"`, `"bash -c 'exit 3'"`, `"sh talk.sh"`, `"./sleep.sh"`, `"FOO=1 node seen.js"`, `"node seen.js | cat"`, `"cd sub && node worker.js"`, `"no-such-program x"`)
		if a.IntN(3) > 0 {
			line += " --name " + a.name()
		}
		return env + "pm2 start " + line + a.options(2) + a.maybe(4, " --no-autorestart")
	case 4:
		return env + "pm2 start " + a.program() + " " + a.program() + a.options(1)
	case 5:
		return env + "pm2 start " + a.of("bash", "python3", "/bin/sleep", "bash") + a.options(1) + a.of(" -- 1000", " -- seen.py", " -- seen.js a", " -- -c 'sleep 1000'", " --interpreter none -- 1000")
	default:
		line := env + "pm2 start " + a.program()
		if a.IntN(2) == 0 {
			line += " --name " + a.name()
		}
		line += a.options(3)
		return line + a.maybe(4, a.of(" -- one", " -- --flag -x 1", " -- 'two words' three", " -- -- x", " -- --name z", " -- $HOME \"a b\"", " -- ''"))
	}
}

// options are up to n that start and restart take.
func (a *author) options(n int) string {
	var b strings.Builder
	for range a.IntN(n + 1) {
		o := a.of(
			"-i 2", "-i 1", "-i 3", "--instances 2", "-i 2", "-f", "--force", "--no-autorestart", "--max-restarts 2", "--max-restarts 0", "--max-restarts=1",
			"--namespace ns", "--namespace web", "--namespace=n2", "--time", "--log-date-format YYYY", "--log-date-format 'HH:mm Z'", "--merge-logs", "-o out.log -e err.log",
			"-l all.log", "--log logs/x.log", "-o /dev/null", "-e NULL", "--output=o.log", "--log-type json", "--log-type=raw", "--disable-logs", "-p app.pid", "-k 500", "--kill-timeout 3000",
			"--kill-timeout=abc", "--listen-timeout 500", "--max-memory-restart 500M", "--max-memory-restart 1G", "--max-memory-restart=200000K", "--max-memory-restart 1.5G", "--restart-delay 100",
			"--restart-delay=50", "--exp-backoff-restart-delay 10", "--stop-exit-codes 3", "--stop-exit-codes 0", "--no-treekill", "--no-vizion", "--no-pmx", "--no-automation", "--shutdown-with-message",
			"--source-map-support", "--disable-source-map-support", "--wait-ready", "--wait-ready --listen-timeout 300", "--cwd sub", "--cwd /tmp", "--cwd .", "--interpreter python3", "--interpreter bash", "--interpreter none",
			"--interpreter node", "--interpreter sh", "--interpreter nosuch", "--interpreter-args '--no-warnings'", "--node-args='--max-old-space-size=200'", "--node-args '--no-warnings --trace-exit'", "--cron '0 0 1 1 *'", "--cron-restart='* 3 * * *'",
			"--cron 0", "--filter-env FOO", "--update-env", "-a", "--only a", "-x", "--execute-command", "-m", "--sort name:desc", "--sort id", "--parallel 1", "--uid root", "--gid root", "--uid 0",
			"-s", "--silent", "--no-color", "--nosuch", "-z", "-n z", "--name=eq", "--hp /tmp", "--service-name s", "--ext js", "--watch-delay 2", "--ignore-watch node_modules", "-u root", "--trace", "--v8", "--event-loop-inspector",
		)
		b.WriteString(" " + o)
	}
	return b.String()
}

// target is what a command is about.
func (a *author) target() string {
	switch a.IntN(12) {
	case 0, 1:
		return a.of("0", "1", "2", "0", "3")
	case 2:
		return "all"
	case 3:
		return a.of("ns", "web", "default", "n2")
	case 4:
		return a.of("/a/", "/^w/", "/.*/", "/e$/", "/zzz/")
	case 5:
		return a.of("nope", "99", "app", "app.js", "-1", "seen.js", "00", "1.0", "a,b", "./app.js", "undefined", "null")
	case 6:
		if len(a.files) > 0 {
			return a.files[a.IntN(len(a.files))]
		}
	}
	if len(a.names) == 0 {
		return "a"
	}
	return a.names[a.IntN(len(a.names))]
}

func (a *author) targets() string {
	t := a.target()
	for a.IntN(4) == 0 {
		t += " " + a.target()
	}
	return t
}

func (a *author) command() string {
	env := a.maybe(10, a.of("FOO=3 ", "BAR=4 ", "FOO= "))
	switch a.IntN(34) {
	case 0, 1, 2:
		return env + "pm2 " + a.of("restart", "restart", "restart", "--update-env restart", "restart -a") + " " + a.targets() + a.options(1)
	case 3, 4:
		return env + "pm2 reload " + a.target() + a.maybe(3, " --update-env") + a.maybe(4, a.options(1))
	case 5, 6:
		return "pm2 stop " + a.targets() + a.maybe(8, a.options(1))
	case 7, 8:
		return "pm2 " + a.of("delete", "del", "delete", "delete -s") + " " + a.targets()
	case 9, 10:
		return env + "pm2 start " + a.targets() + a.maybe(3, a.options(1))
	case 11, 12:
		return "pm2 scale " + a.target() + " " + a.of("0", "1", "2", "3", "+1", "+2", "x", "2.5", "")
	case 13:
		return "pm2 reset " + a.target()
	case 14:
		return "pm2 flush " + a.maybe(2, a.target())
	case 15:
		return "pm2 sendSignal " + a.of("SIGUSR2", "SIGTERM", "SIGINT", "SIGHUP") + " " + a.target()
	case 16:
		return "pm2 " + a.of("describe", "show", "info", "desc") + " " + a.target()
	case 17:
		return "pm2 env " + a.target() + " | grep -E '^(name|FOO|BAR|A|B|pm_id|status|NODE_|PM2|args|instances|exec|namespace|un)' | sort"
	case 18:
		return "pm2 " + a.of("id", "pid") + " " + a.target()
	case 19, 20:
		return "pm2 " + a.of("list", "ls", "l", "ps", "status", "list -m", "ls --sort name:desc", "list --sort id:desc", "list --sort memory:nope", "-s list", "list --no-color")
	case 21:
		return "pm2 jlist | python3 -c 'import json,sys; [print(p[\"name\"], p[\"pm_id\"], p[\"pm2_env\"][\"status\"], sorted(p)) for p in json.load(sys.stdin)]'"
	case 22:
		return "pm2 prettylist | grep -E '^    (status|restart_time|name|args|namespace|exec_mode|instances|env|unstable)' -A1"
	case 23:
		return "pm2 " + a.of("save", "dump", "save --force", "save -f")
	case 24:
		return "pm2 " + a.of("resurrect", "resurrect", "cleardump", "save; pm2 delete all; pm2 resurrect", "save > /dev/null; pm2 kill > /dev/null; pm2 resurrect | grep -v -i spawn | grep -v daemonized")
	case 25, 26:
		if len(a.files) > 0 {
			return env + "pm2 " + a.of("startOrRestart", "startOrReload", "startOrGracefulReload", "start", "restart", "reload", "stop", "delete") + " " + a.files[a.IntN(len(a.files))] + a.fileFlags()
		}
		return "pm2 " + a.of("startOrRestart", "startOrReload") + " " + a.target()
	case 27:
		return "pm2 " + a.of("set k v", "set a:b 1", "get k", "get a:b", "get", "conf", "unset k", "unset nope", "set a:b true", "multiset 'x 1 y 2'", "conf a:b 3", "config k", "set a.b.c", "get a", "set web:X 1", "set k 'two words'", "set k ''", "unset all")
	case 28, 29:
		return "pm2 logs " + a.maybe(2, a.target()) + " --nostream" + a.maybe(2, a.of(" --lines 2", " --lines 1", " --err", " --out", " --raw", " --lines 100", " --lines 0", " --timestamp", " --lines=3", " --highlight out"))
	case 30:
		return a.of("pm2 reloadLogs", "pm2 ping", "pm2 -v", "pm2 restart", "pm2 stop", "pm2 delete", "pm2 describe", "pm2 scale", "pm2 logs nope --nostream", "pm2 trigger a b", "pm2 send 0 hello", "pm2 send a hello", "pm2 env", "pm2 id", "pm2 startOrRestart", "pm2 attach nope", "pm2 inspect nope", "pm2 sendSignal SIGINT", "pm2 kill", "pm2 unset", "pm2 set", "pm2 get nope", "pm2 forward nope", "pm2 pull nope", "pm2 start", "pm2 reload", "pm2 unmonitor", "pm2 module:uninstall nope")
	case 31:
		return a.of("rm -f app.js; ", "rm -rf $PM2_HOME/logs; ", "mv talk.sh talk2.sh; ", "cd sub 2>/dev/null; ", "cd /; ", "rm -f $PM2_HOME/dump.pm2; ", "echo '[]' > $PM2_HOME/dump.pm2; ", "echo broken > $PM2_HOME/dump.pm2; ", "rm -f $PM2_HOME/pids/*; ") + "pm2 " + a.of("restart", "reload", "stop", "start", "delete", "restart", "describe", "resurrect #") + " " + a.targets()
	case 32:
		return "pm2 " + a.of("stop", "delete", "restart", "start") + " " + a.targets() + " > /dev/null 2>&1; pm2 " + a.of("list", "restart all", "start all", "delete all", "stop all", "reset all")
	default:
		return a.start()
	}
}

// file writes a config file and starts it.
func (a *author) file() string {
	var apps []any
	for range 1 + a.IntN(3) {
		apps = append(apps, a.app())
	}
	var doc any = map[string]any{"apps": apps}
	switch a.IntN(8) {
	case 0:
		doc = apps
	case 1:
		doc = apps[0]
	}
	text, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		panic(err)
	}
	name, body := "", string(text)+"\n"
	switch a.IntN(7) {
	case 0, 1:
		name = a.of("ecosystem.config.js", "ecosystem.config.cjs", "my.config.js", "pm2.config.js")
		body = "module.exports = " + body
	case 2:
		name = a.of("apps.yml", "apps.yaml")
		body = yaml(doc, 0)
	case 3:
		name = "apps.json5"
		body = "// a comment\n" + body
	case 4:
		name = "process.json"
	default:
		name = a.of("apps.json", "conf/apps.json")
	}
	a.s.files[name] = body
	a.files = append(a.files, name)
	switch {
	case name == "ecosystem.config.js" && a.IntN(2) == 0:
		return "pm2 start" + a.fileFlags()
	case name == "apps.json" && a.IntN(5) == 0:
		return "cat apps.json | pm2 start -" + a.fileFlags()
	}
	return "pm2 " + a.of("start", "start", "start", "startOrRestart", "startOrReload", "restart", "reload") + " " + name + a.fileFlags()
}

func (a *author) fileFlags() string {
	return a.maybe(4, " --only "+a.of("a", "b", "web", "a,b", "nope", "'a b'", "web,nope", "app")) + a.maybe(4, " --env "+a.of("prod", "production", "nope")) + a.maybe(6, " --update-env") + a.maybe(6, a.options(1))
}

// yaml writes what JSON has as people write it.
func yaml(v any, depth int) string {
	pad := strings.Repeat("  ", depth)
	var b strings.Builder
	switch v := v.(type) {
	case map[string]any:
		for _, k := range keysOf(v) {
			switch v[k].(type) {
			case map[string]any, []any:
				fmt.Fprintf(&b, "%s%s:\n%s", pad, k, yaml(v[k], depth+1))
			default:
				text, _ := json.Marshal(v[k])
				fmt.Fprintf(&b, "%s%s: %s\n", pad, k, text)
			}
		}
	case []any:
		for _, e := range v {
			if _, ok := e.(map[string]any); ok {
				b.WriteString(pad + "- " + strings.TrimLeft(yaml(e, depth+1), " "))
				continue
			}
			text, _ := json.Marshal(e)
			fmt.Fprintf(&b, "%s- %s\n", pad, text)
		}
	}
	return b.String()
}

func keysOf(m map[string]any) []string {
	return slices.Sorted(maps.Keys(m))
}

// attributes are what apps of files say, each with some of its values.
var attributes = []struct {
	key    string
	values []any
}{
	{"args", []any{"one two", []any{"one", "two words"}, "--x 'a b' -y", "", []any{}, "--port=1"}},
	{"namespace", []any{"ns", "web"}},
	{"instances", []any{1, 2, "2", "max", 0, 3}},
	{"exec_mode", []any{"cluster", "fork", "cluster_mode", "fork_mode", "odd"}},
	{"interpreter", []any{"node", "none", "sh", "python3", "bash", "nosuch"}},
	{"exec_interpreter", []any{"sh", "node"}},
	{"node_args", []any{"--no-warnings", []any{"--no-warnings", "--trace-exit"}}},
	{"interpreter_args", []any{"--no-warnings"}},
	{"cwd", []any{".", "sub", "/tmp", "$STAGE/w"}},
	{"env", []any{map[string]any{"A": "1"}, map[string]any{"A": 1, "B": true}, map[string]any{"A": map[string]any{"x": 1}}, map[string]any{"A": nil, "B": ""}, map[string]any{"FOO": "file", "PORT": 0}, map[string]any{}}},
	{"env_prod", []any{map[string]any{"A": "prod"}, map[string]any{"B": "prod", "NODE_ENV": "production"}}},
	{"env_production", []any{map[string]any{"A": "production"}}},
	{"autorestart", []any{false, true}},
	{"max_restarts", []any{2, 0, "3", 1}},
	{"min_uptime", []any{"5s", 2000, "1h", 50, "x"}},
	{"restart_delay", []any{100, 0, "50"}},
	{"exp_backoff_restart_delay", []any{20}},
	{"stop_exit_codes", []any{[]any{3}, 3, []any{0, 3}, "3"}},
	{"out_file", []any{"o.log", "logs/o.log", "/dev/null", "NULL"}},
	{"error_file", []any{"e.log", "logs/e.log"}},
	{"log_file", []any{"all.log", true, false}},
	{"output", []any{"o2.log"}},
	{"error", []any{"e2.log"}},
	{"err_file", []any{"e3.log"}},
	{"out", []any{"o3.log"}},
	{"log", []any{"l.log"}},
	{"pid_file", []any{"x.pid", "pids/x.pid"}},
	{"merge_logs", []any{true, false}},
	{"combine_logs", []any{true}},
	{"disable_logs", []any{true}},
	{"log_date_format", []any{"YYYY", "HH:mm"}},
	{"log_type", []any{"json", "raw"}},
	{"time", []any{true, false}},
	{"kill_timeout", []any{500, "800", 3000}},
	{"listen_timeout", []any{300}},
	{"wait_ready", []any{true, false}},
	{"cron_restart", []any{"0 0 1 1 *", "x"}},
	{"cron", []any{"0 0 1 1 *"}},
	{"max_memory_restart", []any{"500M", 1000000000, "1G", "100m", "300000K"}},
	{"instance_var", []any{"INSTANCE", "ID"}},
	{"increment_var", []any{"PORT", "A"}},
	{"port", []any{3000, "3001"}},
	{"append_env_to_name", []any{true}},
	{"filter_env", []any{[]any{"FOO"}, "FOO", true}},
	{"treekill", []any{false}},
	{"pmx", []any{false, true}},
	{"automation", []any{false}},
	{"vizion", []any{false, true}},
	{"source_map_support", []any{true, false}},
	{"disable_source_map_support", []any{true}},
	{"shutdown_with_message", []any{true}},
	{"force", []any{true}},
	{"watch", []any{false}},
	{"ignore_watch", []any{[]any{"node_modules"}, "x y"}},
	{"watch_delay", []any{1000}},
	{"post_update", []any{[]any{"npm install"}}},
	{"user", []any{"nosuchuser"}},
	{"uid", []any{0, "root"}},
	{"autostart", []any{true}},
	{"maxRestarts", []any{2}},
	{"mergeLogs", []any{true}},
	{"execMode", []any{"cluster"}},
	{"waitReady", []any{true}},
	{"killTimeout", []any{700}},
	{"outFile", []any{"camel.log"}},
	{"minUptime", []any{"3s"}},
	{"description", []any{"a program"}},
	{"windowsHide", []any{true}},
	{"execute_command", []any{true}},
	{"instance_id_env", []any{"X"}},
	{"trace", []any{false}},
	{"version", []any{"1.2.3"}},
}

func (a *author) app() map[string]any {
	app := map[string]any{a.of("script", "script", "script", "script", "script", "exec", "cmd"): strings.ReplaceAll(a.program(), "$PWD", "$STAGE/w")}
	if a.IntN(5) > 0 {
		app["name"] = strings.Trim(a.name(), "'")
	}
	if a.IntN(12) == 0 {
		app["script"] = a.of("node seen.js x", "sleep 1000", "sh -c 'sleep 1000'", "npm")
	}
	for range a.IntN(5) {
		at := attributes[a.IntN(len(attributes))]
		if strings.HasSuffix(strings.ToLower(at.key), "mode") && !strings.HasSuffix(fmt.Sprint(app["script"]), "js") {
			continue // cluster mode is for node
		}
		app[at.key] = at.values[a.IntN(len(at.values))]
	}
	return app
}
