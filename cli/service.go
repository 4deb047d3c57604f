package cli

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"weaver/api"
)

// The grammar of services, `weaver service VERB NAME`, is a second form of rows of the one table: a name means all
// processes of that name, and what is printed has the words that its scripts look for (package service). What the thin
// front end can print is rendered by the daemon for both.

// serviceWord is the word before the second form.
const serviceWord = "service"

// asService is the second form of a row, nil if it has none.
func (c *command) asService() *command {
	if c.service == nil {
		return nil
	}
	s := *c.service
	s.name, s.group = serviceWord+" "+c.name, c.group
	if s.help == "" {
		s.help = c.help
	}
	return &s
}

// findService returns the second form of the row called name, or nil.
func findService(table []command, name string) *command {
	for i := range table {
		if table[i].name == name && table[i].service != nil {
			return table[i].asService()
		}
	}
	return nil
}

// serviceHot is what the thin front end answers of a service command.
func serviceHot(verb string, mutates bool, minArgs, maxArgs int, flags string) hotForm {
	return hotForm{verb: verb, mutates: mutates, min: minArgs, max: maxArgs, flags: strings.TrimSpace("no-color no-cache " + flags)}
}

func serviceStop() *command {
	return &command{
		args: "NAME", min: 1, max: 1, lent: lentAct, run: runServiceStop,
		flags: []flag{
			{name: "force", alias: "f", help: "SIGKILL at once"},
			{name: "timeout", arity: one, meta: "MS", help: "time between the stop signal and SIGKILL"},
		},
		hot: serviceHot(api.HotServiceStop, true, 1, 1, "force no-lock"),
	}
}

func serviceRestart() *command {
	return &command{
		args: "NAME", min: 1, max: 1, lent: lentAct, run: runServiceRestart,
		flags: []flag{
			{name: "zero-downtime", help: "one instance after the other, each new one before the old one goes"},
			{name: "wait", arity: one, meta: "MS", help: "wait before it restarts"},
			{name: "save-state", help: "keep its record in NAME.state.json here, or at --state-file"},
			{name: "state-file", arity: one, meta: "PATH", help: "keep its record there before it restarts"},
		},
		hot: serviceHot(api.HotServiceRestart, true, 1, 1, "zero-downtime no-lock"),
	}
}

func serviceReload() *command {
	return &command{
		args: "NAME", min: 1, max: 1, lent: lentAct, run: runServiceReload,
		flags: []flag{
			{name: "config", arity: one, meta: "FILE", help: "apply this configuration"},
			envFlag(),
		},
		hot: serviceHot(api.HotServiceReload, true, 1, 1, "no-lock"),
	}
}

// envFlag is --env of services, which is not that of apps.
func envFlag() flag {
	return flag{name: "env", arity: one, repeats: true, meta: "K=V|FILE", help: "set a variable (repeatable)"}
}

func serviceDelete() *command {
	return &command{
		args: "NAME", min: 1, max: 1, lent: lentAct, run: runServiceDelete,
		hot: serviceHot(api.HotServiceDelete, true, 1, 1, "no-lock"),
	}
}

func serviceScale() *command {
	return &command{args: "NAME N|+N|-N", min: 2, max: 2, numbers: true, lent: lentAct, run: runServiceScale}
}

func serviceList() *command {
	return &command{
		max: 0, run: runServiceList, help: "show all services",
		hot: serviceHot(api.HotServiceList, false, 0, 0, "json"),
	}
}

func serviceStatus() *command {
	return &command{
		args: "[NAME]", max: 1, run: runServiceStatus,
		flags: []flag{
			{name: "verbose", help: "each instance too"},
			{name: "refresh", arity: one, meta: "SECONDS", help: "show it again and again"},
		},
		hot: serviceHot(api.HotServiceStatus, false, 0, 1, "json verbose"),
	}
}

func serviceHealth() *command {
	return &command{
		args: "[NAME]", max: 1, run: runServiceHealth,
		flags: []flag{
			{name: "endpoint", arity: one, meta: "URL", help: "ask this (the configured one, or /health at its port)"},
			{name: "timeout", arity: one, meta: "MS", help: "of one look (5000)"},
			{name: "retries", arity: one, meta: "N", help: "look up to N times before it is unhealthy (3)"},
			{name: "interval", arity: one, meta: "MS", help: "between looks (100)"},
		},
		hot: serviceHot(api.HotServiceHealth, false, 0, 1, "json"),
	}
}

func serviceMetrics() *command {
	return &command{
		args: "[NAME]", max: 1, run: runServiceMetrics,
		flags: []flag{
			{name: "duration", arity: one, meta: "1h", help: "over which time (1h)"},
			formatFlag("table|json|prometheus"),
			{name: "export", arity: one, meta: "FILE", help: "write it into a file"},
		},
		hot: serviceHot(api.HotServiceMetrics, false, 0, 1, "json"),
	}
}

func formatFlag(kinds string) flag {
	return flag{name: "format", arity: one, meta: kinds, help: "how to print it"}
}

func serviceStats() *command {
	return &command{
		max: 0, run: runServiceStats,
		flags: []flag{
			formatFlag("table|json"),
			{name: "sort-by", arity: one, meta: "FIELD", help: "cpu, memory, uptime or restarts: the largest first"},
		},
		hot: serviceHot(api.HotServiceStats, false, 0, 0, "json"),
	}
}

func serviceLogs() *command {
	return &command{
		args: "NAME", min: 1, max: 1, run: runServiceLogs,
		flags: []flag{
			{name: "follow", alias: "f", help: "follow what comes"},
			{name: "lines", alias: "n", arity: one, meta: "N", help: "stored lines (100)"},
			{name: "level", arity: one, meta: "L", help: "lines of this level or above (debug, info, warn, error)"},
			{name: "since", arity: one, meta: "TIME", help: "only lines from then on (10m, 15:04, RFC 3339): needs lines with a time"},
			{name: "grep", arity: one, free: true, meta: "REGEX", help: "only lines that match"},
			{name: "json", help: "one JSON object a line"},
			{name: "stderr", help: "standard error only"},
		},
	}
}

func serviceMonitor() *command {
	return &command{
		args: "[NAME]", max: 1, run: runServiceMonitor,
		flags: []flag{
			{name: "refresh", arity: one, meta: "MS", help: "time between looks (1000)"},
			{name: "alerts", help: "show what went wrong too"},
		},
	}
}

func runServiceHelp(c *call) error {
	table := commands()
	if len(c.args) > 0 {
		var names []string
		for i := range table {
			if table[i].service != nil {
				names = append(names, table[i].name)
			}
		}
		e := &usageError{message: fmt.Sprintf("unknown command `service %s'", c.args[0]), hint: program(c.env) + " service shows all"}
		if near := nearest(c.args[0], names); near != "" {
			e.hint = "did you mean service " + near + "?"
		}
		return e
	}
	c.out.data(serviceHelp(program(c.env), table))
	return nil
}

// serviceHelp lists the commands of services.
func serviceHelp(name string, table []command) string {
	var rows [][]string
	for i := range table {
		if s := table[i].asService(); s != nil {
			rows = append(rows, []string{"  " + table[i].name + " " + s.args, s.help})
		}
	}
	return "Usage: " + name + " service <command> [NAME] [flags]\n\nA service is all processes of one name.\n\n" + columns(rows) +
		"\n" + name + " service <command> -h shows everything about one command.\n"
}

// ask has the daemon answer, and prints what it says.
func (c *call) ask(verb string, flags ...string) error {
	if err := c.findHome(); err != nil {
		return err
	}
	if c.out.json {
		flags = append(flags, "json")
	}
	said, err := c.client.Ask(c.ctx, verb, c.args, flags, c.out.cols, c.out.color)
	if api.IsDown(err) {
		up, err := c.daemonOfTheLiving()
		if err != nil {
			return err
		}
		if !up {
			return c.askNobody()
		}
		said, err = c.client.Ask(c.ctx, verb, c.args, flags, c.out.cols, c.out.color)
		return c.said(said, err)
	}
	return c.said(said, err)
}

// askNobody answers without a daemon: there are no services.
func (c *call) askNobody() error {
	switch {
	case len(c.args) > 0:
		return c.noService(c.args[0])
	case c.out.json:
		c.out.data("[]\n")
	default:
		c.out.data("no services\n")
	}
	return nil
}

func (c *call) noService(name string) error {
	return &failure{text: fmt.Sprintf("%s: service %s not found", program(c.env), name)}
}

// said prints an answer, and exits as it says.
func (c *call) said(s api.Said, err error) error {
	if err != nil {
		return err
	}
	if !c.out.silent {
		c.env.Stderr.Write(s.Err)
	}
	c.out.bytes(s.Out)
	if s.Code != 0 {
		return exitCode(s.Code)
	}
	return nil
}

// exitCode is an exit code other than 1, or 1, when all has been told.
type exitCode int

func (e exitCode) Error() string { return "exit " + strconv.Itoa(int(e)) }

// tell has the daemon change a service, under its lock, and prints what it says.
func (c *call) tell(verb string, flags ...string) error {
	up, err := c.daemonOfTheLiving()
	if err != nil {
		return err
	}
	if !up {
		return c.noService(c.args[0])
	}
	return c.locked(c.args[:1], func(fds []int) error {
		said, err := c.client.Tell(c.ctx, verb, c.args[:1], flags, fds)
		return c.said(said, err)
	})
}

func runServiceStop(c *call) error {
	return c.tell(api.HotServiceStop, c.passed("force", "timeout")...)
}

// passed are those of the flags that were given, as the daemon reads them: NAME, or NAME=VALUE.
func (c *call) passed(names ...string) (out []string) {
	for _, name := range names {
		switch f := c.cmd.flag(name); {
		case !c.given(name):
		case f != nil && f.arity != none:
			out = append(out, name+"="+c.str(name))
		case c.bool(name):
			out = append(out, name)
		}
	}
	return out
}

func runServiceRestart(c *call) error {
	flags := c.passed("zero-downtime")
	path := c.str("state-file")
	if path == "" && c.bool("save-state") {
		path = strings.ReplaceAll(c.args[0], "/", "-") + ".state.json"
	}
	if path != "" {
		flags = append(flags, "state-file="+c.abs(path))
	}
	wait, err := c.milliseconds("wait", 0)
	if err != nil {
		return err
	}
	if err := c.pause(wait); err != nil {
		return err
	}
	return c.tell(api.HotServiceRestart, flags...)
}

func runServiceDelete(c *call) error { return c.tell(api.HotServiceDelete) }
func runServiceList(c *call) error   { return c.ask(api.HotServiceList) }

func runServiceStats(c *call) error {
	if f := c.str("format"); c.given("format") && f != "table" && f != "json" {
		return &usageError{message: fmt.Sprintf("option `--format' is table or json, not %q", f)}
	}
	return c.ask(api.HotServiceStats, c.passed("format", "sort-by")...)
}

func runServiceHealth(c *call) error {
	return c.ask(api.HotServiceHealth, c.passed("endpoint", "timeout", "retries", "interval")...)
}

func runServiceMetrics(c *call) error {
	flags := c.passed("duration", "format")
	if !c.given("export") {
		return c.ask(api.HotServiceMetrics, flags...)
	}
	path := c.abs(c.str("export"))
	var text bytes.Buffer
	stdout := c.out.stdout
	c.out.stdout = &text
	err := c.ask(api.HotServiceMetrics, flags...)
	c.out.stdout = stdout
	if err != nil {
		return err
	}
	if err := os.WriteFile(path, text.Bytes(), 0o644); err != nil {
		return c.cannot("", "export the metrics", err)
	}
	c.out.say("metrics written to " + path + "\n")
	return nil
}

func runServiceStatus(c *call) error {
	flags := c.passed("verbose")
	if !c.given("refresh") {
		return c.ask(api.HotServiceStatus, flags...)
	}
	n, err := strconv.ParseFloat(c.str("refresh"), 64)
	if err != nil || !(n > 0) || n > 1e6 {
		return &usageError{message: fmt.Sprintf("option `--refresh' needs seconds, not %q", c.str("refresh"))}
	}
	return c.repeat(time.Duration(n*float64(time.Second)), func() error { return c.ask(api.HotServiceStatus, flags...) })
}

// repeat shows something again and again until it is interrupted; a terminal is cleared before.
func (c *call) repeat(every time.Duration, show func() error) error {
	tick := time.NewTicker(max(every, 10*time.Millisecond))
	defer tick.Stop()
	for {
		if c.out.cols > 0 {
			c.out.data("\x1b[2J\x1b[0f")
		}
		if err := show(); err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-c.ctx.Done():
			return nil
		}
	}
}

// milliseconds reads a flag that is a time.
func (c *call) milliseconds(name string, standard time.Duration) (time.Duration, error) {
	if !c.given(name) {
		return standard, nil
	}
	word := c.str(name)
	ms, err := strconv.ParseUint(word, 10, 31)
	if err == nil {
		return time.Duration(ms) * time.Millisecond, nil
	}
	d, err := time.ParseDuration(word)
	if err != nil || d < 0 {
		return 0, &usageError{message: fmt.Sprintf("option `--%s' needs milliseconds, not %q", name, word)}
	}
	return d, nil
}

// pause waits, unless it is interrupted.
func (c *call) pause(d time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-c.ctx.Done():
		return c.ctx.Err()
	}
}

// known service names: those of the processes there are.
func (c *call) serviceExists(name string) (bool, error) {
	list, err := c.client.List(c.ctx, false, "")
	if err != nil {
		return false, err
	}
	for i := range list {
		if list[i].Name == name {
			return true, nil
		}
	}
	return false, nil
}
