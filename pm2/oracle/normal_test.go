//go:build linux

package oracle

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

var (
	colour    = regexp.MustCompile("\x1b\\[[0-9;?]*[a-zA-Z]")
	isoTime   = regexp.MustCompile(`\d{4}-\d\d-\d\d[T -]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?`)
	epochTime = regexp.MustCompile(`\b1[6-9]\d{11}\b`)
	uuid      = regexp.MustCompile(`\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`)
	blanks    = regexp.MustCompile(`[ ─═]{2,}`)
	number    = regexp.MustCompile(`\b\d{3,7}\b`)
	nodeAt    = regexp.MustCompile(`/usr/(local/)?bin/node\b`)
	hosts     = regexp.MustCompile(`(?m)^host metrics \|.*\n?`)
	ours      = regexp.MustCompile(`(?m)^(hint: .*|warning: .*|\[PM2\] Spawning PM2 daemon.*|\[PM2\] PM2 Successfully daemonized)\n?`)
	warned    = regexp.MustCompile(`^\[PM2\]\[WARN\] `)
	done      = regexp.MustCompile(`^\[PM2\] (Applying action re\w+ on app .*|\[.*\]\(\d+\) ✓|App \[.*\] launched .*|Process .* restored)$`)
	installed = regexp.MustCompile(`/[^\s():$]*/node_modules/(pm2|amp|amp-message)/`)
	nodeVer   = regexp.MustCompile(`\bv?(1[68]|2[024])\.\d+\.\d+\b`)
)

// plain takes out of a text what differs from run to run: paths, pids, times.
func (s *stage) plain(text string) string {
	text = colour.ReplaceAllString(text, "")
	text = strings.ReplaceAll(text, "\r\n", "\n")
	text = strings.ReplaceAll(text, s.dir, "$STAGE")
	text = isoTime.ReplaceAllString(text, "TIME")
	text = epochTime.ReplaceAllString(text, "MS")
	text = uuid.ReplaceAllString(text, "UUID")
	text = nodeVer.ReplaceAllString(text, "NODE")
	text = installed.ReplaceAllString(text, "$$NPM/$1/")
	text = nodeAt.ReplaceAllString(text, "$$BIN/node")
	return number.ReplaceAllStringFunc(text, func(n string) string {
		if s.pids[n] {
			return "PID"
		}
		return n
	})
}

// normal makes two runs of one command comparable.
func (s *stage) normal(a answer) answer {
	out := s.plain(a["stdout"])
	out = hosts.ReplaceAllString(out, "")
	lines := tables(strings.Split(out, "\n"))
	// Several processes are worked on side by side: in which order they are done is chance. So is the order of warnings.
	for i := 0; i < len(lines); i++ {
		for _, kind := range []*regexp.Regexp{done, warned} {
			j := i
			for j < len(lines) && kind.MatchString(lines[j]) {
				j++
			}
			slices.Sort(lines[i:j])
		}
	}
	errOut := ours.ReplaceAllString(s.plain(a["stderr"]), "")
	return answer{"code": a["code"], "stdout": strings.Join(lines, "\n"), "stderr": errOut}
}

// volatileColumns are cells that no two runs share, volatileRows the same in describe.
var (
	volatileColumns = []string{"pid", "uptime", "cpu", "mem", "memory", "user"}
	volatileRows    = []string{"uptime", "created at", "pid", "memory usage", "Heap Size", "Heap Usage", "Used Heap Size", "Event Loop Latency p95", "Event Loop Latency", "Active handles", "Active requests", "tree", "process tree", "open files"}
)

// tables takes what is volatile out of the cells of tables, and the widths, which go with it. pm2's own tests hold those.
func tables(lines []string) []string {
	var header []string
	out := lines[:0]
	for _, line := range lines {
		switch {
		case strings.HasPrefix(line, "┌"):
			header = nil
			line = blanks.ReplaceAllString(line, "─")
		case strings.HasPrefix(line, "├"), strings.HasPrefix(line, "└"):
			line = blanks.ReplaceAllString(line, "─")
		case strings.HasPrefix(line, "│"):
			cells := strings.Split(strings.Trim(line, "│"), "│")
			for i := range cells {
				cells[i] = strings.TrimSpace(cells[i])
			}
			if len(cells) == 2 {
				if slices.Contains(volatileRows, cells[0]) {
					cells[1] = "…"
				}
			} else if header == nil {
				header = cells
			} else {
				for i := range cells {
					if i < len(header) && slices.Contains(volatileColumns, header[i]) && cells[i] != "N/A" {
						cells[i] = "…"
					}
				}
			}
			line = "│ " + strings.Join(cells, " │ ") + " │"
		default:
			name, _, ok := strings.Cut(line, " : ")
			if ok && slices.Contains(volatileRows, name) {
				line = name + " : …"
			}
		}
		out = append(out, line)
	}
	return out
}

// member keeps the order of an object's keys.
type member struct {
	key   string
	value json.RawMessage
}

func members(data []byte) ([]member, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		return nil, fmt.Errorf("not an object: %.80s", data)
	}
	var out []member
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return nil, err
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return nil, err
		}
		out = append(out, member{tok.(string), raw})
	}
	return out, nil
}

// passing are keys of a record whose values are moments.
var passing = []string{
	"pm_uptime", "created_at", "unique_id", "axm_monitor", "axm_actions", "axm_options", "axm_dynamic", "username", "PATH",
}

// apart are keys that come and go with the moment (a node that has not said its version yet, the processes of the last
// stop), and variables by which either finds its own.
var apart = []string{
	"node_version", "_tree_pids", "prev_restart_delay", "WEAVER_SERVICE", "PM2_MODULE", "NODE_CHANNEL_FD", "NODE_CHANNEL_SERIALIZATION_MODE",
}

// list is jlist in lines that can be compared.
func (s *stage) list(keys []string) answer {
	entries, err := s.entries()
	if err != nil {
		return answer{"list": err.Error()}
	}
	var b strings.Builder
	for _, e := range entries {
		pid := "none"
		if e.PID != nil {
			pid = "0"
			if *e.PID > 0 {
				pid = "PID"
			}
		}
		fmt.Fprintf(&b, "%s pm_id %d pid %s\n", e.Name, e.ID, pid)
		env, err := members(e.Env)
		if err != nil {
			return answer{"list": err.Error()}
		}
		slices.SortStableFunc(env, func(a, b member) int { return strings.Compare(a.key, b.key) })
		for _, m := range env {
			value := string(m.value)
			switch {
			case slices.Contains(apart, m.key) || m.key == "version" && value == `"N/A"`:
				continue
			case len(keys) > 0 && !slices.Contains(keys, m.key):
				continue
			case slices.Contains(passing, m.key):
				value = "…"
			case m.key == "env":
				value = s.variables(m.value)
			}
			fmt.Fprintf(&b, "  %s: %s\n", m.key, s.plain(value))
		}
	}
	return answer{"list": b.String()}
}

// variables are those of an environment, sorted.
func (s *stage) variables(data []byte) string {
	env, err := members(data)
	if err != nil {
		return err.Error()
	}
	slices.SortStableFunc(env, func(a, b member) int { return strings.Compare(a.key, b.key) })
	var b strings.Builder
	for _, m := range env {
		value := string(m.value)
		if slices.Contains(apart, m.key) {
			continue
		}
		if slices.Contains(passing, m.key) {
			value = "…"
		}
		fmt.Fprintf(&b, "\n    %s=%s", m.key, value)
	}
	return b.String()
}

// seen is what a program told of itself, its environment sorted.
func (s *stage) seen(args []string) answer {
	if args[0] == "*" {
		var b strings.Builder
		files, _ := filepath.Glob(s.path("w/seen-*[0-9]"))
		for _, file := range files {
			id := strings.TrimPrefix(filepath.Base(file), "seen-")
			fmt.Fprintf(&b, "process %s\n%s", id, s.seen(append([]string{id}, args[1:]...))["seen"])
		}
		return answer{"seen": b.String()}
	}
	path := s.path("w/seen-" + args[0])
	if a := s.wait(func() bool { _, err := os.Stat(path); return err == nil }); a["wait"] != "" {
		return answer{"seen": "nothing"}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return answer{"seen": err.Error()}
	}
	all, err := members(data)
	if err != nil {
		return answer{"seen": err.Error()}
	}
	var b strings.Builder
	for _, m := range all {
		if m.key == "title" {
			continue
		}
		if m.key != "env" {
			fmt.Fprintf(&b, "%s %s\n", m.key, s.plain(string(m.value)))
			continue
		}
		env, err := members(m.value)
		if err != nil {
			return answer{"seen": err.Error()}
		}
		slices.SortFunc(env, func(a, b member) int { return strings.Compare(a.key, b.key) })
		for _, v := range env {
			if len(args) > 1 && !slices.Contains(args[1:], v.key) || slices.Contains(apart, v.key) {
				continue
			}
			value := s.plain(string(v.value))
			if slices.Contains(passing, v.key) {
				value = "…"
			}
			fmt.Fprintf(&b, "  %s=%s\n", v.key, value)
		}
	}
	return answer{"seen": b.String()}
}

// own are files of weaver's home that PM2's does not have, and the other way round.
var own = regexp.MustCompile(`^(rpc\.sock|pub\.sock|touch|pm2\.log|pm2\.pid|weaver\..*|daemon\.lock|spawn\.lock|locks|locks/.*|metrics|metrics/.*|conf\.lock|audit\.log|state|state/.*|state\.json.*|anchor\..*|.*\.sum|dump\.pm2\.bak[23]|module_conf\.json|modules|reload\.lock|settings\.json)$`)

// home lists the files of the home, without those that only one of the two has.
func (s *stage) home() answer {
	var names []string
	root := s.path("h")
	filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == root {
			return nil
		}
		name, _ := filepath.Rel(root, path)
		if own.MatchString(name) {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return nil
		}
		what := "empty"
		switch {
		case d.IsDir():
			what = "dir"
		case info.Size() > 0:
			what = "file"
		}
		names = append(names, name+" "+what)
		return nil
	})
	slices.Sort(names)
	return answer{"home": strings.Join(names, "\n") + "\n"}
}
