package port

import (
	"strconv"
	"strings"
)

// expand replaces %(NAME)s in a value. supervisord formats as Python does: a letter and a width may follow.
func (p *program) expand(k *setting) (string, error) {
	var b strings.Builder
	rest := k.value
	for {
		before, after, found := strings.Cut(rest, "%")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		if strings.HasPrefix(after, "%") {
			b.WriteByte('%')
			rest = after[1:]
			continue
		}
		name, format, ok := strings.Cut(strings.TrimPrefix(after, "("), ")")
		if !ok || !strings.HasPrefix(after, "(") {
			return "", p.fail(k, "a %% that begins no %%(name)s; it is written as %%%%")
		}
		value, ok := p.variable(k, name)
		if !ok {
			return "", p.fail(k, "%%(%s)s is not known here", clip(name))
		}
		end := strings.IndexFunc(format, func(r rune) bool { return r < '0' || r > '9' })
		if end < 0 || end > 2 || format[end] != 's' && format[end] != 'd' {
			return "", p.fail(k, "%%(%s) is followed by no s or d", clip(name))
		}
		b.WriteString(padded(value, format[:end], format[end] == 'd'))
		if rest = format[end+1:]; b.Len() > 1<<20 {
			return "", p.fail(k, "comes to more than 1 MB")
		}
	}
}

func padded(value, width string, number bool) string {
	n, _ := strconv.Atoi(width)
	fill := " "
	if number && strings.HasPrefix(width, "0") {
		fill = "0"
	}
	return strings.Repeat(fill, max(0, n-len(value))) + value
}

func (p *program) variable(k *setting, name string) (string, bool) {
	if env, ok := strings.CutPrefix(name, "ENV_"); ok {
		return p.Env.Get(env)
	}
	switch name {
	case "program_name":
		return p.name, true
	case "group_name":
		return orElse(p.group, p.name), true
	case "process_num":
		return strconv.Itoa(p.num), true
	case "numprocs":
		return p.str("numprocs", "1"), true
	case "host_node_name":
		return p.Host, true
	case "here":
		return k.file.dir(), true
	case "process_name":
		if at, ok := p.get("process_name"); ok && !strings.Contains(at.value, "%(process_name)") {
			s, err := p.expand(at)
			return s, err == nil
		}
		return p.name, true
	}
	return "", false
}

// signalName is the full name of a signal that is written as a name or a number.
func signalName(word string) (string, bool) {
	numbers := map[string]string{"1": "HUP", "2": "INT", "3": "QUIT", "9": "KILL", "10": "USR1", "12": "USR2", "15": "TERM", "28": "WINCH"}
	name := strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(word)), "SIG")
	if n, ok := numbers[name]; ok {
		name = n
	}
	switch name {
	case "HUP", "INT", "QUIT", "ABRT", "KILL", "USR1", "USR2", "PIPE", "ALRM", "TERM", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "WINCH", "PWR":
		return "SIG" + name, true
	}
	return "", false
}
