package service

import (
	"maps"
	"slices"
	"strings"

	"weaver/app"
)

// Past counts what happened to a service.
type Past struct {
	starts [len(causes)]uint64
	exits  [len(ends)]uint64
	gaveUp uint64
}

// causes are what a process is started by. Each but the first three is known by how the event's cause begins.
var causes = [...]struct{ word, begins string }{
	{word: "command"}, // somebody asked for it
	{word: "exit"},    // it had ended by itself
	{word: "other"},
	{"watch", "watch:"},
	{"schedule", "cron "},
	{"memory", "memory:"},
	{"health", "unhealthy:"},
	{"health", "not "}, // ready, or started up, in time
	{"boot", "the supervisor started"},
	{"dependency", "what it waited for"},
	{"demand", "on demand:"},
}

// ends are how a process ended.
var ends = [...]string{"asked", "success", "error", "signal", "oom", "failed"}

// Note counts an event.
func (p *Past) Note(e *app.Event) {
	switch e.Kind {
	case app.EventStart:
		p.starts[causeOf(e)]++
	case app.EventExit:
		p.exits[slices.Index(ends[:], endOf(e))]++
	case app.EventOverlimit:
		p.gaveUp++
	}
}

func causeOf(e *app.Event) int {
	const command, exit, other = 0, 1, 2
	switch {
	case e.Manually:
		return command
	case e.Cause == "":
		return exit
	}
	for i := other + 1; i < len(causes); i++ {
		if strings.HasPrefix(e.Cause, causes[i].begins) {
			return i
		}
	}
	return other
}

func endOf(e *app.Event) string {
	x := e.Exit
	switch {
	case x == nil:
		return "success"
	case x.Err != "":
		return "failed" // it could not be run
	case x.OOM:
		return "oom"
	case e.Asked:
		return "asked"
	case x.Signal != "":
		return "signal"
	case x.Code != 0:
		return "error"
	}
	return "success"
}

// numbers are those that signals have in Linux.
var numbers = map[string]int{
	"SIGHUP": 1, "SIGINT": 2, "SIGQUIT": 3, "SIGILL": 4, "SIGTRAP": 5, "SIGABRT": 6, "SIGBUS": 7, "SIGFPE": 8, "SIGKILL": 9, "SIGUSR1": 10,
	"SIGSEGV": 11, "SIGUSR2": 12, "SIGPIPE": 13, "SIGALRM": 14, "SIGTERM": 15,
}

// exitCode is an end as shells tell it.
func exitCode(x *app.Exit) int {
	if x.Signal != "" {
		return 128 + numbers[x.Signal]
	}
	return x.Code
}

// past appends what happened. What never did is not told: there are many services, and few things happen to each.
func (t *text) past(x *Exposition, labels []labels) {
	pasts := make([]*Past, len(x.Services))
	for i := range x.Services {
		if pasts[i] = x.Past(x.Services[i].Name); pasts[i] == nil {
			pasts[i] = &Past{}
		}
	}
	t.family("weaver_service_starts_total", "counter", "Starts of processes of the service, by what they were started by, since the supervisor began.")
	for i, p := range pasts {
		sums := map[string]uint64{}
		for at, n := range p.starts {
			if n > 0 {
				sums[causes[at].word] += n
			}
		}
		for _, word := range sortedKeys(sums) {
			t.sample(labels[i].with("cause", word), float64(sums[word]))
		}
	}
	t.family("weaver_service_exits_total", "counter", "Ends of processes of the service, by how they ended, since the supervisor began.")
	for i, p := range pasts {
		for at, n := range p.exits {
			if n > 0 {
				t.sample(labels[i].with("how", ends[at]), float64(n))
			}
		}
	}
	t.family("weaver_service_given_up_total", "counter", "How often a process of the service was given up after too many quick ends, since the supervisor began.")
	for i, p := range pasts {
		t.sample(labels[i], float64(p.gaveUp))
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
