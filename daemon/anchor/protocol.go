package anchor

import (
	"strconv"
	"strings"
)

// The supervisor inherits two descriptors, whose numbers are in its environment. It must mark both close-on-exec, and take
// the variables out of what services get.
//
//   - the control socket: one text message a datagram, words with blanks between them
//   - daemon.lock: the open file whose lock the anchor took; it stays locked while either lives
//
// The anchor speaks first:
//
//	hello PROTOCOL RESTARTS HOW…     how the last supervisor ended, "-" if there was none
//	orphan PID STATUS                a process that was left to the anchor has died; STATUS as wait4(2) gives it
//	missed N                         so many orphans died and there was no room to remember them
//
// The supervisor says:
//
//	ready [PROTOCOL]                 it serves
//	failed TEXT…                     it cannot start, and will exit
//	bye                              it will exit, and wants no successor
//	ack PID                          reserved
//
// An anchor lives longer than the supervisors that it starts, so each side speaks the newest protocol of its own and the one
// before: the supervisor speaks min(its own, the anchor's) and names it with ready. Either may add words at the end of a
// message, or messages; who does not know them ignores them. Descriptors travel by SCM_RIGHTS with the message that
// speaks of them; a side that does not know the message closes them.
const (
	Protocol = 1

	ControlEnv = "WEAVER_ANCHOR_FD"
	LockEnv    = "WEAVER_LOCK_FD"

	MessageHello  = "hello"
	MessageOrphan = "orphan"
	MessageMissed = "missed"
	MessageReady  = "ready"
	MessageFailed = "failed"
	MessageBye    = "bye"
	MessageAck    = "ack"
)

// MaxMessage bounds a message in bytes. Longer ones are cut.
const MaxMessage = 4096

// Hello is the anchor's first message.
type Hello struct {
	Protocol int
	Restarts int    // supervisors before this one
	Last     string // how the last one ended, for people; "" if there was none
}

func (h Hello) String() string {
	last := oneLine(h.Last)
	if last == "" {
		last = "-"
	}
	return MessageHello + " " + strconv.Itoa(h.Protocol) + " " + strconv.Itoa(h.Restarts) + " " + last
}

// ParseHello reads what String wrote, also that of other versions.
func ParseHello(text string) (h Hello, ok bool) {
	word, rest, _ := strings.Cut(text, " ")
	protocol, rest, _ := strings.Cut(rest, " ")
	restarts, last, _ := strings.Cut(rest, " ")
	var err1, err2 error
	h.Protocol, err1 = strconv.Atoi(protocol)
	h.Restarts, err2 = strconv.Atoi(restarts)
	if word != MessageHello || err1 != nil || err2 != nil || h.Protocol < 1 || h.Restarts < 0 {
		return Hello{}, false
	}
	if last != "-" {
		h.Last = last
	}
	return h, true
}

// Orphan is a process that was left to the anchor, and has died.
type Orphan struct {
	PID    int
	Status uint32 // as wait4(2) gives it: syscall.WaitStatus
}

// ParseOrphan reads an "orphan" message.
func ParseOrphan(text string) (o Orphan, ok bool) {
	fields := strings.Fields(text)
	if len(fields) < 3 || fields[0] != MessageOrphan {
		return Orphan{}, false
	}
	pid, err1 := strconv.Atoi(fields[1])
	status, err2 := strconv.ParseUint(fields[2], 10, 32)
	if err1 != nil || err2 != nil || pid <= 0 {
		return Orphan{}, false
	}
	return Orphan{pid, uint32(status)}, true
}

func (o Orphan) String() string {
	return MessageOrphan + " " + strconv.Itoa(o.PID) + " " + strconv.FormatUint(uint64(o.Status), 10)
}

// oneLine makes text fit for one line of a log, a message or an answer.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
	if len(text) > MaxMessage/2 {
		text = text[:MaxMessage/2]
	}
	return strings.Trim(text, " ")
}
