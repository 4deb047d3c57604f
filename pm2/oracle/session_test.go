//go:build linux

package oracle

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A session file has many sessions:
//
//	=== name of the session
//	env NAME=value          for all that follows
//	copy DIRECTORY          of testdata/ecosystem/wild, into the working directory
//	fresh                   a home without a daemon
//	module                  programs of the session load the npm pm2 from $PM2_MODULE
//	$ command line          run by sh, with pm2 on the PATH
//	! stdout: text          the step above differs there, and a row of docs/pm2.md has this text
//	wait command line       until it succeeds
//	status name status [n]  until all of that name are so, n restarts in all
//	settle                  until nothing changes any more
//	list [key…]             jlist, without what changes from run to run; only these keys of pm2_env
//	seen id [key…]          what the process id saw of its environment and arguments, by seen.js or seen.sh; * is all
//	home                    the files of the home
//	# remark
//	-- file --              up to the next file or session
type session struct {
	name   string
	steps  []step
	files  map[string]string
	env    []string
	copy   string
	fresh  bool
	module bool
}

// step is one line of a session.
type step struct {
	line string
	// differs are the parts of the answer that are weaver's own, each with words of the row that has the reason.
	differs map[string]string
}

// key says what a recorded answer is an answer to.
func (s *session) key() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v %v\n", s.env, s.fresh)
	if s.copy != "" {
		b.WriteString("copy " + s.copy + "\n")
	}
	for _, st := range s.steps {
		b.WriteString(st.line + "\n")
	}
	for _, name := range slices.Sorted(maps.Keys(s.files)) {
		b.WriteString("-- " + name + "\n" + s.files[name])
	}
	return b.String()
}

func readSessions(path string) ([]*session, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var (
		all  []*session
		cur  *session
		file string
	)
	for n, line := range strings.Split(string(data), "\n") {
		at := func(format string, args ...any) error {
			return fmt.Errorf("%s:%d: %s", filepath.Base(path), n+1, fmt.Sprintf(format, args...))
		}
		word, rest, _ := strings.Cut(line, " ")
		switch {
		case word == "===":
			cur, file = &session{name: rest, files: map[string]string{}}, ""
			if slices.ContainsFunc(all, func(s *session) bool { return s.name == rest }) {
				return nil, at("two sessions are called %s", rest)
			}
			all = append(all, cur)
		case cur == nil:
			if strings.TrimSpace(line) != "" && word != "#" {
				return nil, at("before the first session")
			}
		case word == "--" && strings.HasSuffix(line, " --"):
			file = strings.TrimSuffix(rest, " --")
			cur.files[file] = ""
		case file != "":
			cur.files[file] += line + "\n"
		case word == "" || word == "#":
		case word == "env":
			cur.env = append(cur.env, rest)
		case word == "copy":
			cur.copy = rest
		case word == "fresh":
			cur.fresh = true
		case word == "module":
			cur.module = true
		case word == "!":
			part, reason, ok := strings.Cut(rest, ": ")
			if !ok || len(cur.steps) == 0 {
				return nil, at("! PART: WORDS OF THE ROW")
			}
			st := &cur.steps[len(cur.steps)-1]
			if st.differs == nil {
				st.differs = map[string]string{}
			}
			st.differs[part] = reason
		case slices.Contains([]string{"$", "wait", "status", "settle", "list", "seen", "home"}, word):
			cur.steps = append(cur.steps, step{line: line})
		default:
			return nil, at("what is %q?", word)
		}
	}
	for _, s := range all {
		for name, text := range s.files {
			s.files[name] = strings.TrimRight(text, "\n") + "\n"
		}
	}
	return all, nil
}

// answer is what a step gave, in parts: code, stdout, stderr, or list, seen, home.
type answer map[string]string

var parts = []string{"code", "stdout", "stderr", "list", "seen", "home", "wait"}

// recording is a session's answers on disk.
type recording struct {
	name, key string
	answers   []answer
}

func (r *recording) append(b *bytes.Buffer) {
	fmt.Fprintf(b, "=== %s\nkey %q\n", r.name, r.key)
	for i, a := range r.answers {
		fmt.Fprintf(b, "step %d\n", i)
		for _, p := range parts {
			text, ok := a[p]
			if !ok {
				continue
			}
			fmt.Fprintf(b, "%s\n", p)
			if text != "" {
				for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
					b.WriteString("| " + line + "\n")
				}
			}
		}
	}
}

func readRecordings(path string) (map[string]*recording, error) {
	data, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return map[string]*recording{}, nil
	}
	if err != nil {
		return nil, err
	}
	all := map[string]*recording{}
	var cur *recording
	var part string
	for line := range strings.SplitSeq(string(data), "\n") {
		word, rest, _ := strings.Cut(line, " ")
		switch {
		case word == "===":
			cur = &recording{name: rest}
			all[rest] = cur
		case word == "key":
			if _, err := fmt.Sscanf(rest, "%q", &cur.key); err != nil {
				return nil, fmt.Errorf("%s: key of %s: %w", path, cur.name, err)
			}
		case word == "step":
			cur.answers = append(cur.answers, answer{})
		case word == "|":
			cur.answers[len(cur.answers)-1][part] += rest + "\n"
		case slices.Contains(parts, word):
			part = word
			cur.answers[len(cur.answers)-1][part] = ""
		}
	}
	return all, nil
}
