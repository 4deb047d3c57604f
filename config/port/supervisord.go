package port

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"weaver/app"
	"weaver/config/source"
)

// supervisord reads its configs: [program:x] and what groups and surrounds them.
func (r *reader) supervisord(files []file) error {
	var all []section
	for i := range files {
		list, err := parseINI(&files[i])
		if err != nil {
			return err
		}
		for j := range list {
			if list[j].name == "include" {
				more, err := r.included(&list[j])
				if err != nil {
					return err
				}
				all = append(all, more...)
			}
		}
		all = append(all, list...)
	}
	groups := map[string]string{}
	var base *section
	for i := range all {
		kind, name, _ := strings.Cut(all[i].name, ":")
		switch kind {
		case "group":
			for p := range strings.SplitSeq(all[i].str("programs", ""), ",") {
				groups[strings.TrimSpace(p)] = name
			}
			r.others(&all[i], name, "programs")
		case "supervisord":
			base = &all[i]
			r.others(base, "", "environment", "directory", "user", "umask")
		case "eventlistener":
			r.say(all[i].file, all[i].line, name, "an event listener: weaver's events come from weaver events, and hooks of probes")
		case "program", "fcgi-program", "include":
		case "unix_http_server", "inet_http_server", "supervisorctl", "rpcinterface":
			r.say(all[i].file, all[i].line, "", "[%s] is about supervisord itself", clip(all[i].name))
		default:
			r.say(all[i].file, all[i].line, "", "[%s] is no section that is known", clip(all[i].name))
		}
	}
	for i := range all {
		kind, name, _ := strings.Cut(all[i].name, ":")
		if kind != "program" && kind != "fcgi-program" {
			continue
		}
		p := program{reader: r, section: &all[i], name: strings.TrimSpace(name), group: groups[name], base: base}
		if err := p.translate(); err != nil {
			return err
		}
	}
	return nil
}

// maxIncluded bounds the files that one includes.
const maxIncluded = 1000

// included reads what [include] names: files from the directory of the file it is in, patterns among them.
func (r *reader) included(s *section) ([]section, error) {
	var list []section
	seen := 0
	for pattern := range strings.FieldsSeq(s.str("files", "")) {
		pattern = strings.ReplaceAll(pattern, "%(here)s", s.file.dir())
		if !filepath.IsAbs(pattern) {
			pattern = filepath.Join(s.file.dir(), pattern)
		}
		paths, err := filepath.Glob(pattern)
		if err != nil {
			return nil, &source.Error{File: s.file.path, Line: s.line, Message: fmt.Sprintf("include %s: %v", clip(pattern), err)}
		}
		if len(paths) == 0 {
			r.say(s.file, s.line, "", "include: no file matches %s", clip(pattern))
		}
		for _, path := range paths {
			if seen++; seen > maxIncluded {
				return nil, &source.Error{File: s.file.path, Line: s.line, Message: fmt.Sprintf("includes more than %d files", maxIncluded)}
			}
			data, err := source.Read(path)
			if err != nil {
				return nil, readError(path, err)
			}
			more, err := parseINI(&file{path: path, abs: path, data: data})
			if err != nil {
				return nil, err
			}
			list = append(list, more...)
		}
	}
	return list, nil
}

// others notes the keys of a section that are not among those that were read.
func (r *reader) others(s *section, who string, read ...string) {
	for i := range s.keys {
		if k := &s.keys[i]; !slices.Contains(read, k.key) {
			r.say(k.file, k.line, who, "%s has no counterpart", clip(k.key))
		}
	}
}

// program is one [program:x].
type program struct {
	*reader
	*section
	name, group string
	base        *section
	num         int
	numbered    bool // something differs from instance to instance
}

func (p *program) fail(k *setting, format string, args ...any) error {
	return &source.Error{File: k.file.path, Line: k.line, Message: fmt.Sprintf("%s: %s: ", p.name, k.key) + fmt.Sprintf(format, args...)}
}

// note is one about a key.
func (p *program) note(k *setting, format string, args ...any) {
	p.say(k.file, k.line, p.name, "%s", clip(k.key)+": "+fmt.Sprintf(format, args...))
}

func (p *program) translate() error {
	if !isProcessType(p.name) {
		return &source.Error{File: p.section.file.path, Line: p.line, Message: fmt.Sprintf("%q cannot be the name of a program", clip(p.name))}
	}
	n, from := 1, 0
	if k, ok := p.get("numprocs"); ok {
		var err error
		if n, err = strconv.Atoi(k.value); err != nil || n < 0 || n > maxApps {
			return p.fail(k, "%q is no number of processes", clip(k.value))
		}
	}
	if k, ok := p.get("numprocs_start"); ok {
		var err error
		if from, err = strconv.Atoi(k.value); err != nil || from < 0 || from > 1<<30 {
			return p.fail(k, "%q is no number", clip(k.value))
		}
	}
	if n == 0 {
		p.say(p.section.file, p.line, p.name, "numprocs is 0: left out")
		return nil
	}
	for i := range p.keys {
		if k := &p.keys[i]; k.key != "process_name" && strings.Contains(k.value, "%(process_num)") {
			p.numbered = true
		}
	}
	if !p.numbered || n == 1 {
		p.num = from
		s, err := p.service(p.name)
		if err != nil {
			return err
		}
		if n > 1 {
			s.set("instances", n)
			s.set("exec_mode", "fork")
		}
		p.fillGroup(s, p.group)
		p.add(s)
		return nil
	}
	if len(p.apps)+n > maxApps {
		return &source.Error{File: p.section.file.path, Line: p.line, Message: fmt.Sprintf("more than %d programs", maxApps)}
	}
	told := len(p.Notes)
	for i := range n {
		p.num = from + i
		name := p.name + "_" + strconv.Itoa(p.num)
		if k, ok := p.get("process_name"); ok {
			var err error
			if name, err = p.expand(k); err != nil {
				return err
			}
		}
		s, err := p.service(name)
		if err != nil {
			return err
		}
		p.fillGroup(s, orElse(p.group, p.name))
		p.add(s)
		if i == 0 {
			told = len(p.Notes)
		}
		p.Notes = p.Notes[:told] // they are the same each time
	}
	return nil
}

func (p *program) fillGroup(s *service, group string) { s.fill("namespace", group) }

func orElse(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

// service makes one app of it.
func (p *program) service(name string) (*service, error) {
	if name == "" || len(name) > 200 || strings.ContainsAny(name, "\\\n\t") || strings.HasPrefix(name, "/") {
		return nil, &source.Error{File: p.section.file.path, Line: p.line, Message: fmt.Sprintf("%q cannot be the name of a process", clip(name))}
	}
	s := newService(name)
	k, ok := p.get("command")
	if !ok {
		return nil, &source.Error{File: p.section.file.path, Line: p.line, Message: p.name + " has no command"}
	}
	line, err := p.expand(k)
	if err != nil {
		return nil, err
	}
	argv, err := splitWords(line)
	if err != nil || len(argv) == 0 || argv[0] == "" {
		return nil, p.fail(k, "%q is no command: %v", clip(line), err)
	}
	s.command(argv)
	if p.base != nil {
		for _, key := range []string{"directory", "user", "umask", "environment"} {
			if k, ok := p.base.get(key); ok {
				if err := p.apply(s, k); err != nil {
					return nil, err
				}
			}
		}
	}
	s.order = 999
	s.set("kill_signal", "SIGTERM")
	s.set("kill_timeout", 10_000)
	s.set("max_restarts", 3)
	for i := range p.keys {
		if err := p.apply(s, &p.keys[i]); err != nil {
			return nil, err
		}
	}
	return s, p.restarts(s)
}

// restarts is when the program is started again.
func (p *program) restarts(s *service) error {
	word := strings.ToLower(p.str("autorestart", "unexpected"))
	codes := []any{0}
	if k, ok := p.get("exitcodes"); ok {
		codes = nil
		for w := range strings.FieldsFuncSeq(k.value, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' }) {
			n, err := strconv.Atoi(w)
			if err != nil || n < 0 || n > 255 {
				return p.fail(k, "%q is no exit code", clip(w))
			}
			codes = append(codes, n)
		}
	}
	switch yes, isBool := boolean(word); {
	case word == "unexpected":
		s.fill("stop_exit_codes", codes)
	case isBool && !yes:
		s.set("autorestart", false)
	case !isBool:
		k, _ := p.get("autorestart")
		return p.fail(k, "%q is not true, false or unexpected", clip(word))
	}
	return nil
}

func boolean(s string) (yes, ok bool) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "true", "yes", "on", "1", "t", "y":
		return true, true
	case "false", "no", "off", "0", "f", "n":
		return false, true
	}
	return false, false
}

// environment gives the app the variables of a key.
func (p *program) environment(s *service, k *setting, value string) error {
	pairs, err := assignments(value)
	if err != nil {
		return p.fail(k, "%v", err)
	}
	for _, v := range pairs {
		s.setenv(app.Var{Name: v[0], Value: v[1]})
	}
	return nil
}
