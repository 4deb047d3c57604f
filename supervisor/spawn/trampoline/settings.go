// Package trampoline makes the settings that only code inside a new process can make, then becomes the program.
//
// The thin executable runs it when it finds Name in its argv[0]. It must add nothing to that executable's start: only
// syscall and strconv are imported and nothing is initialised.
package trampoline

import "strconv"

// Name is the argv[0] under which the thin executable is a trampoline. Argv is Name, Settings.Encode(), the program's
// path, and the program's argv.
const Name = "weaver-exec"

// Settings are what to make before exec, in this order: control groups, limits, oom score, user, working directory.
type Settings struct {
	ErrFD       int // where a Failure is written; closed by exec
	Rlimits     []Rlimit
	OOMScoreAdj *int
	User        *User
	Dir         string // "" stays
	ListenPID   bool   // tell the program its pid, for the sockets that it inherits
	Join        []int  // control groups to get into, by descriptors of their cgroup.procs, which the program does not get
}

// Rlimit is one resource limit.
type Rlimit struct {
	Resource   int
	Soft, Hard uint64
}

// User is who to become.
type User struct {
	UID, GID uint32
	Groups   []uint32
}

// Encode writes the settings as one argument: words of a letter and numbers; the directory, which may hold anything, last.
func (s *Settings) Encode() string {
	b := strconv.AppendInt([]byte{'e'}, int64(s.ErrFD), 10)
	for _, l := range s.Rlimits {
		b = strconv.AppendInt(append(b, " r"...), int64(l.Resource), 10)
		b = strconv.AppendUint(append(b, ':'), l.Soft, 10)
		b = strconv.AppendUint(append(b, ':'), l.Hard, 10)
	}
	if s.OOMScoreAdj != nil {
		b = strconv.AppendInt(append(b, " o"...), int64(*s.OOMScoreAdj), 10)
	}
	if s.User != nil {
		b = strconv.AppendUint(append(b, " u"...), uint64(s.User.UID), 10)
		b = strconv.AppendUint(append(b, ':'), uint64(s.User.GID), 10)
		for _, g := range s.User.Groups {
			b = strconv.AppendUint(append(b, ':'), uint64(g), 10)
		}
	}
	if s.ListenPID {
		b = append(b, " l"...)
	}
	for _, fd := range s.Join {
		b = strconv.AppendInt(append(b, " g"...), int64(fd), 10)
	}
	if s.Dir != "" {
		b = append(append(b, " d"...), s.Dir...)
	}
	return string(b)
}

// Decode reads what Encode wrote; false if text is anything else.
func Decode(text string) (Settings, bool) {
	var s Settings
	for first := true; text != "" || first; first = false {
		if text == "" || first != (text[0] == 'e') {
			return Settings{}, false
		}
		if text[0] == 'd' {
			s.Dir = text[1:]
			return s, s.Dir != ""
		}
		word, rest, more := cut(text, ' ')
		if more && rest == "" || !s.word(word) {
			return Settings{}, false
		}
		text = rest
	}
	return s, true
}

func (s *Settings) word(word string) bool {
	if word == "" {
		return false
	}
	kind, text := word[0], word[1:]
	switch kind {
	case 'e':
		n, err := strconv.Atoi(text)
		s.ErrFD = n
		return err == nil && n >= 0
	case 'g':
		n, err := strconv.Atoi(text)
		s.Join = append(s.Join, n)
		return err == nil && n >= 0
	case 'l':
		s.ListenPID = true
		return text == ""
	case 'o':
		n, err := strconv.Atoi(text)
		s.OOMScoreAdj = &n
		return err == nil
	case 'r':
		n, ok := numbers(text, 64)
		if !ok || len(n) != 3 || n[0] > 255 {
			return false
		}
		s.Rlimits = append(s.Rlimits, Rlimit{int(n[0]), n[1], n[2]})
		return true
	case 'u':
		n, ok := numbers(text, 32)
		if !ok || len(n) < 2 || s.User != nil {
			return false
		}
		s.User = &User{UID: uint32(n[0]), GID: uint32(n[1])}
		for _, g := range n[2:] {
			s.User.Groups = append(s.User.Groups, uint32(g))
		}
		return true
	}
	return false
}

func numbers(text string, bits int) (all []uint64, ok bool) {
	for more := true; more; {
		var word string
		word, text, more = cut(text, ':')
		n, err := strconv.ParseUint(word, 10, bits)
		if err != nil {
			return nil, false
		}
		all = append(all, n)
	}
	return all, true
}

// cut is strings.Cut by a byte.
func cut(s string, sep byte) (before, after string, found bool) {
	for i := range len(s) {
		if s[i] == sep {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}
