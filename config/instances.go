package config

import (
	"fmt"
	"math"
	"strings"

	"weaver/app"
)

// maxInstances is far above what a host runs, and keeps a slip of the finger from being tried.
const maxInstances = 100_000

// count is how many processes "instances" means. given is false when nothing was written; all says that it was written
// as "as many as there are processors", which has PM2 share the log files.
type count struct {
	n          int
	given, all bool
}

// instances reads N, "max", 0, and -k, which leaves k processors to others. Text that is no number is all processors
// to PM2, and a number with letters behind it is the number; both are said aloud.
func (c Context) instances(v values) (count, *Problem, error) {
	given, ok := v["instances"]
	if !ok {
		return count{n: 1}, nil, nil
	}
	n, isNumber := given.(float64)
	var odd *Problem
	if word, isText := given.(string); isText {
		n, isNumber = leadingNumber(word)
		if word = strings.TrimSpace(word); isNumber || !strings.EqualFold(word, "max") {
			odd = &Problem{
				Key: "instances", Message: fmt.Sprintf("instances %q is no number", clip(word)),
				Hint: fmt.Sprintf("taken as %s, as PM2 does", map[bool]string{true: number(n), false: "max"}[isNumber]),
			}
		}
	}
	cpus := c.cpus()
	n = math.Trunc(n)
	switch {
	case !isNumber || n == 0 || math.IsNaN(n):
		return count{cpus, true, true}, odd, nil
	case n > maxInstances:
		return count{}, nil, fmt.Errorf("instances %s is too many (%d)", number(n), maxInstances)
	case n > 0:
		return count{int(n), true, false}, odd, nil
	case c.Strict:
		return count{max(1, cpus-int(min(-n, maxInstances))), true, false}, odd, nil
	case -n >= float64(cpus):
		return count{}, nil, saidf("instances %s leaves none: there are %d processors", number(n), cpus).
			try("-k starts as many as there are processors, less k")
	}
	return count{cpus + int(n), true, false}, odd, nil
}

// leadingNumber is JavaScript's parseInt.
func leadingNumber(s string) (float64, bool) {
	s = strings.TrimSpace(s)
	end := 0
	for end < len(s) && (isDigit(s[end]) || end == 0 && (s[0] == '-' || s[0] == '+')) {
		end++
	}
	return numeric(strings.TrimPrefix(s[:end], "+"))
}

// mode decides how the instances share their ports: Node programs of which somebody wrote a number are a cluster.
func (c Context) mode(v values, n count, in Interpreter) (app.Mode, *Problem) {
	asked, _ := v["exec_mode"].(string)
	if v["execute_command"] == true {
		asked = "fork"
	}
	cluster := strings.HasPrefix(asked, "cluster")
	switch {
	case cluster && !in.Node():
		return app.Fork, &Problem{Key: "exec_mode", Message: "cluster mode is for node and bun only, started in fork mode"}
	case cluster:
		return app.Cluster, nil
	case asked == "" && n.given && in.Node() && !c.strictFork(v):
		return app.Cluster, nil
	}
	return app.Fork, nil
}

// strictFork is PM2's oddity that -1 makes a cluster and -2 does not.
func (c Context) strictFork(v values) bool {
	n, _ := v["instances"].(float64)
	return c.Strict && n <= -2
}

// mergeLogs decides whether the instances share their files.
func mergeLogs(v values, n count) bool {
	if merge, ok := v["merge_logs"].(bool); ok {
		return merge
	}
	mode, _ := v["exec_mode"].(string)
	return !strings.HasPrefix(mode, "cluster") && (!n.given || n.all)
}
