package port

import (
	"path/filepath"
	"strconv"
	"strings"
)

// specifiers replaces systemd's %-letters in a value. Those that are not known here stay, with a note.
func (u *unit) specifiers(k *setting, s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' || i+1 >= len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		value, ok := u.specifier(s[i])
		if !ok {
			u.note(k, "%%%c is not known here and stays as it is", s[i])
			value = "%" + s[i:i+1]
		}
		b.WriteString(value)
	}
	return b.String()
}

func (u *unit) specifier(letter byte) (string, bool) {
	prefix, instance, _ := strings.Cut(u.name, "@")
	user := orElse(u.value("User"), "root")
	switch letter {
	case '%':
		return "%", true
	case 'n':
		return u.name + ".service", true
	case 'N':
		return u.name, true
	case 'p':
		return prefix, true
	case 'P':
		return unescapeUnit(prefix), true
	case 'i':
		return instance, true
	case 'I':
		return unescapeUnit(instance), true
	case 'f':
		return "/" + unescapeUnit(orElse(instance, prefix)), true
	case 'j':
		return prefix[strings.LastIndexByte(prefix, '-')+1:], true
	case 'H':
		return u.Host, true
	case 'l':
		host, _, _ := strings.Cut(u.Host, ".")
		return host, true
	case 'u':
		return user, true
	case 'h':
		if user == "root" {
			return "/root", true
		}
		return "/home/" + user, true
	case 't':
		return "/run", true
	case 'S':
		return "/var/lib", true
	case 'C':
		return "/var/cache", true
	case 'L':
		return "/var/log", true
	case 'E':
		return "/etc", true
	case 'T':
		return "/tmp", true
	case 'V':
		return "/var/tmp", true
	case 'y':
		return u.file.abs, true
	case 'Y':
		return filepath.Dir(u.file.abs), true
	}
	return "", false
}

// unescapeUnit turns the escapes of unit names back: "-" is a slash.
func unescapeUnit(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+4 <= len(s) && s[i+1] == 'x' {
			if n, err := strconv.ParseUint(s[i+2:i+4], 16, 8); err == nil && n > 0 {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		if s[i] == '-' {
			b.WriteByte('/')
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
