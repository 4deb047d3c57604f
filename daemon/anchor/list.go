package anchor

import (
	"strconv"
	"strings"
)

// A Listing says what inherited descriptors are. It is in a file without a name (a memfd), whose own descriptor is named by
// StoreEnv: of a supervisor what the store holds, of an anchor that takes over from another process everything.
type Listing struct {
	FDs map[string]int // by name in the store
	// IDs say what some of the descriptors lead to, by name: their numbers may be another's by the time that they are inherited,
	// of a process that went on opening and closing until then.
	IDs map[string]ID

	// Of an anchor only.
	Lock     int    // descriptor of daemon.lock, -1 if there is none
	Control  int    // control socket of the supervisor that lives, -1 if none does
	PID      int    // of that supervisor
	Ready    bool   // it is
	Restarts int    // supervisors before the next one
	Last     string // how the last one ended
	Watchdog int    // milliseconds; 0 is none
	Protocol int    // of the supervisor that lives
}

// ID tells what a descriptor leads to from anything else.
type ID struct{ Dev, Ino uint64 }

// NewListing returns one of nothing.
func NewListing() Listing {
	return Listing{FDs: map[string]int{}, IDs: map[string]ID{}, Lock: -1, Control: -1}
}

// String words it: a line each.
func (l *Listing) String() string {
	b := make([]byte, 0, 64+48*len(l.FDs))
	number := func(word string, n int) {
		b = append(b, word...)
		b = append(b, ' ')
		b = strconv.AppendInt(b, int64(n), 10)
		b = append(b, '\n')
	}
	for name, fd := range l.FDs {
		b = append(b, "fd "...)
		b = strconv.AppendInt(b, int64(fd), 10)
		b = append(b, ' ')
		b = append(b, name...)
		b = append(b, '\n')
	}
	for name, id := range l.IDs { // a word that older versions do not know
		b = append(b, "is "...)
		b = strconv.AppendUint(b, id.Dev, 10)
		b = append(b, ' ')
		b = strconv.AppendUint(b, id.Ino, 10)
		b = append(b, ' ')
		b = append(b, name...)
		b = append(b, '\n')
	}
	if l.Lock >= 0 {
		number("lock", l.Lock)
	}
	if l.Control >= 0 {
		number("control", l.Control)
		number("supervisor", l.PID)
		number("protocol", l.Protocol)
		if l.Ready {
			number("ready", 1)
		}
	}
	if l.Restarts > 0 {
		number("restarts", l.Restarts)
	}
	if l.Watchdog > 0 {
		number("watchdog", l.Watchdog)
	}
	if last := oneLine(l.Last); last != "" {
		b = append(b, "last "...)
		b = append(b, last...)
		b = append(b, '\n')
	}
	return string(b)
}

// ParseListing reads what String wrote, also that of other versions: lines that it does not understand mean nothing.
func ParseListing(text string) Listing {
	l := NewListing()
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		word, rest, _ := strings.Cut(line, " ")
		value, name, _ := strings.Cut(rest, " ")
		if word == "last" {
			l.Last = oneLine(rest)
			continue
		}
		if word == "is" {
			ino, name, _ := strings.Cut(name, " ")
			d, err1 := strconv.ParseUint(value, 10, 64)
			i, err2 := strconv.ParseUint(ino, 10, 64)
			if err1 == nil && err2 == nil && ValidName(name) {
				l.IDs[name] = ID{d, i}
			}
			continue
		}
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 {
			continue
		}
		switch word {
		case "fd":
			if ValidName(name) {
				l.FDs[name] = n
			}
		case "lock":
			l.Lock = n
		case "control":
			l.Control = n
		case "supervisor":
			l.PID = n
		case "protocol":
			l.Protocol = n
		case "ready":
			l.Ready = n > 0
		case "restarts":
			l.Restarts = n
		case "watchdog":
			l.Watchdog = n
		}
	}
	return l
}
