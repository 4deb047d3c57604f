package config

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"weaver/app"
	"weaver/config/logname"
)

// meaning checks what types alone do not tell: names that can be files, ports, signals, schedules. It brings the
// values of these attributes into their final form.
func (v values) meaning(in object) []Problem {
	var problems []Problem
	say := func(key string, err error) {
		if err == nil {
			return
		}
		p := Problem{Key: key, Message: err.Error()}
		if h, ok := err.(interface{ Hint() string }); ok {
			p.Hint = h.Hint()
		}
		problems = append(problems, p)
	}
	for _, key := range []string{"name", "namespace"} {
		if name, ok := v[key].(string); ok {
			say(key, checkName(key, name))
		}
	}
	for _, key := range []string{"script", "cwd", "out_file", "error_file", "pid_file"} {
		if path, ok := v[key].(string); ok && strings.ContainsRune(path, 0) {
			say(key, fmt.Errorf("%q holds a NUL byte", key))
		}
	}
	if mode, ok := v["exec_mode"].(string); ok {
		switch mode {
		case "":
			delete(v, "exec_mode")
		case "fork", "cluster", "fork_mode", "cluster_mode":
		default:
			say("exec_mode", saidf(`Verify "exec_mode" with regex failed, it should be "cluster"("cluster_mode") or `+
				`"fork"("fork_mode") only`))
		}
	}
	if port, ok := v["port"].(int); ok && port > math.MaxUint16 {
		say("port", fmt.Errorf("port %d is out of range (0-65535)", port))
	}
	if nice, ok := v["nice"].(int); ok && nice > 19 {
		say("nice", fmt.Errorf(`"nice" is from -20 to 19, but now is %d`, nice))
	}
	for _, m := range in {
		if o, ok := m.val.(object); ok && (m.key == "env" || strings.HasPrefix(m.key, "env_")) {
			say(m.key, checkEnv(o))
		}
	}
	say("cron_restart", v.cron())
	say("kill_signal", v.signal())
	say("umask", v.umask())
	say("limits", v.limits())
	say("max_cpu", v.maxCPU())
	if weight, ok := v["io_weight"].(int); ok && weight > maxIOWeight {
		say("io_weight", fmt.Errorf(`"io_weight" is from 1 to %d, but now is %d`, maxIOWeight, weight))
	}
	say("health", v.health())
	say("listen", v.listen())
	say("cluster_policy", v.clusterPolicy())
	say("serialization", v.serialization())
	say("depends_on", v.dependencies())
	say("restart_backoff", v.recovery())
	return problems
}

// maxName leaves room for "-error-1234567.log" and the date of a rotated file in 255 bytes, a file system's limit.
const maxName = 200

func checkName(key, name string) error {
	switch {
	case name == "":
		return nil // as if it were absent
	case len(logname.Base(name)) > maxName || len(name) > maxName:
		return fmt.Errorf("%s %q is %d bytes long, %d are allowed", key, clip(name), len(name), maxName)
	case strings.IndexFunc(name, unicode.IsControl) >= 0:
		return fmt.Errorf("%s %q holds a control character", key, clip(name))
	case strings.Contains(name, `\`), strings.HasPrefix(name, "/"), strings.HasSuffix(name, "/"):
		return fmt.Errorf("%s %q holds a slash where it names a path or a pattern", key, clip(name))
	case slices.ContainsFunc(strings.Split(name, "/"), func(part string) bool { return part == "" || part == "." || part == ".." }):
		return fmt.Errorf("%s %q means a directory", key, clip(name)) // @scope/app is a name
	}
	return nil
}

// printable is for strings.Map: control characters become spaces.
func printable(r rune) rune {
	if unicode.IsControl(r) {
		return ' '
	}
	return r
}

func checkEnv(o object) error {
	for _, m := range o {
		if m.key == "" || strings.ContainsAny(m.key, "=\x00") {
			return fmt.Errorf("%q cannot be the name of an environment variable", clip(m.key))
		}
		if s, ok := m.val.(string); ok && strings.ContainsRune(s, 0) {
			return fmt.Errorf("the value of %s holds a NUL byte", clip(m.key))
		}
	}
	return nil
}

// cron leaves a schedule, or "" where 0 or false switches it off.
func (v values) cron() error {
	given, ok := v["cron_restart"]
	if !ok {
		return nil
	}
	expr := text(given)
	if falsy(given) || expr == "0" {
		v["cron_restart"] = ""
		return nil
	}
	v["cron_restart"] = expr
	if err := CheckCron(expr); err != nil {
		return &said{message: "Cron pattern error", cause: err}
	}
	return nil
}

func (v values) signal() error {
	given, ok := v["kill_signal"]
	if !ok {
		return nil
	}
	name, err := Signal(text(given))
	v["kill_signal"] = name
	return err
}

// umask is written as octal digits in a text: a number may have been octal or decimal before it was read.
func (v values) umask() error {
	digits, ok := v["umask"].(string)
	if !ok {
		return nil
	}
	mask, err := strconv.ParseUint(strings.TrimPrefix(digits, "0o"), 8, 32)
	if err != nil || mask > 0o777 {
		return fmt.Errorf(`"umask" has to be octal digits like "022", but now is %q`, clip(digits))
	}
	v["umask"] = int(mask)
	return nil
}

// maxIOWeight is the kernel's.
const maxIOWeight = 10000

// maxCPU is a percentage of one core, with or without its sign; 0 is no limit.
func (v values) maxCPU() error {
	given, ok := v["max_cpu"]
	if !ok {
		return nil
	}
	n, isNumber := given.(float64)
	if s, isText := given.(string); isText {
		n, isNumber = numeric(strings.TrimSuffix(strings.TrimSpace(s), "%"))
	}
	const least, most = 1, 100 * 10000
	if !isNumber || n != 0 && !(n >= least && n <= most) {
		return fmt.Errorf(`"max_cpu" is a percentage of one core, from %d on, but now is %s`, least, clip(text(given)))
	}
	v["max_cpu"] = n
	return nil
}

func (v values) limits() error {
	given, ok := v["limits"].(object)
	if !ok {
		return nil
	}
	var l app.Limits
	fields := map[string]**uint64{
		"nofile": &l.NoFile, "nproc": &l.NProc, "core": &l.Core, "as": &l.AddressRoom, "stack": &l.Stack,
		"fsize": &l.FSize, "cpu": &l.CPU, "memlock": &l.MemLock,
	}
	names := []string{"nofile", "nproc", "core", "as", "stack", "fsize", "cpu", "memlock", "oom_score_adj"}
	for _, m := range given {
		word := strings.ToLower(text(m.val))
		if m.key == "oom_score_adj" {
			n, err := strconv.Atoi(word)
			if err != nil || n < -1000 || n > 1000 {
				return fmt.Errorf("limit oom_score_adj is from -1000 to 1000, but now is %s", clip(word))
			}
			l.OOMScoreAdj = &n
			continue
		}
		field, ok := fields[m.key]
		if !ok {
			err := saidf("unknown limit %q", clip(m.key))
			if near := Nearest(m.key, names); near != "" {
				err.try("did you mean %q?", near)
			}
			return err
		}
		n := uint64(math.MaxUint64) // what the kernel calls infinity
		if word != "unlimited" && word != "infinity" {
			size, err := app.ParseBytes(word)
			if err != nil {
				return fmt.Errorf(`limit %s has to be a number or "unlimited", but now is %s`, m.key, clip(word))
			}
			n = uint64(size)
		}
		*field = &n
	}
	v["limits"] = &l
	return nil
}
