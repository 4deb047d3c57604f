package anchor

import (
	"strconv"
	"strings"
)

// The supervisor inherits descriptors, whose numbers are in its environment. It must mark them close-on-exec, and take
// the variables out of what services get.
//
//   - the control socket: one text message a datagram, words with blanks between them
//   - daemon.lock: the open file whose lock the anchor took; it stays locked while either lives
//   - a listing of what the store holds; those descriptors are inherited too (InheritStore)
//
// The anchor speaks first:
//
//	hello PROTOCOL RESTARTS FLAGS HOW…   FLAGS with commas between them, "-" for none; HOW the last supervisor ended, "-"
//	                                     if there was none. Protocol 1 had no FLAGS
//	orphan PID STATUS [START]        a process that was left to the anchor has died; STATUS as wait4(2) gives it, START
//	                                 the time of its start as in /proc/PID/stat
//	missed N                         so many orphans died and there was no room to remember them
//	refused NAME…                    these descriptors could not be kept
//	ping N                           are you well?
//	became [WHY…]                    the anchor was replaced, or WHY not
//
// The supervisor says:
//
//	ready [PROTOCOL]                 it serves
//	failed TEXT…                     it cannot start, and will exit
//	bye                              it will exit, and wants no successor
//	ack PID…                         it has taken note of these orphans: they need not stay zombies
//	keep NAME…                       keep the descriptors that come with this, one for each name
//	drop NAME…                       close these copies
//	pong N                           I am
//	watchdog MS                      how long it may be silent; 0 is for ever
//	become                           be replaced, in place, by the executable that comes with this
//	next PATH                        start the weaverd that comes with this next, whose file is PATH; if that does not
//	                                 become ready soon, the one that runs now again
//	lock                             daemon.lock was removed: this is the one that it holds now
//	leave                            it will exit, leaves its services to the anchor, and wants a successor at once
//
// An anchor lives longer than the supervisors that it starts, so each side speaks the newest protocol of its own and the one
// before: the supervisor speaks min(its own, the anchor's) and names it with ready. Either may add words at the end of a
// message, or messages; who does not know them ignores them. Descriptors travel by SCM_RIGHTS with the message that
// speaks of them; a side that does not know the message closes them.
const (
	Protocol = 2

	ControlEnv = "WEAVER_ANCHOR_FD"
	LockEnv    = "WEAVER_LOCK_FD"
	StoreEnv   = "WEAVER_STORE_FD"

	MessageHello    = "hello"
	MessageOrphan   = "orphan"
	MessageMissed   = "missed"
	MessageRefused  = "refused"
	MessagePing     = "ping"
	MessageBecame   = "became"
	MessageReady    = "ready"
	MessageFailed   = "failed"
	MessageBye      = "bye"
	MessageAck      = "ack"
	MessageKeep     = "keep"
	MessageDrop     = "drop"
	MessagePong     = "pong"
	MessageWatchdog = "watchdog"
	MessageBecome   = "become"
	MessageNext     = "next"
	MessageLeave    = "leave"
	MessageLock     = "lock"
)

// MaxMessage bounds a message in bytes. Longer ones are cut.
const MaxMessage = 4096

// Hello is the anchor's first message.
type Hello struct {
	Protocol int
	Restarts int    // supervisors before this one
	Last     string // how the last one ended, for people; "" if there was none
	// SkipTail: several died before they were ready. What was written last may be why: start without it, and keep it aside.
	SkipTail bool
	// Previous: this is an older weaverd than the one on disk, which does not start.
	Previous bool
}

// The flags of a Hello.
const (
	flagSkipTail = "skip-tail"
	flagPrevious = "previous"
)

func (h Hello) String() string {
	last := oneLine(h.Last)
	if last == "" {
		last = "-"
	}
	text := MessageHello + " " + strconv.Itoa(h.Protocol) + " " + strconv.Itoa(h.Restarts) + " "
	if h.Protocol < 2 {
		return text + last
	}
	var flags []string
	if h.SkipTail {
		flags = append(flags, flagSkipTail)
	}
	if h.Previous {
		flags = append(flags, flagPrevious)
	}
	if len(flags) == 0 {
		flags = []string{"-"}
	}
	return text + strings.Join(flags, ",") + " " + last
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
	if h.Protocol >= 2 {
		var flags string
		flags, last, _ = strings.Cut(last, " ")
		for flag := range strings.SplitSeq(flags, ",") {
			h.SkipTail = h.SkipTail || flag == flagSkipTail
			h.Previous = h.Previous || flag == flagPrevious
		}
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
	Start  uint64 // of the process, in clock ticks since boot; 0 when not known
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
	o = Orphan{PID: pid, Status: uint32(status)}
	if len(fields) > 3 {
		o.Start, _ = strconv.ParseUint(fields[3], 10, 64) // protocol 1 has none
	}
	return o, true
}

func (o Orphan) String() string {
	text := MessageOrphan + " " + strconv.Itoa(o.PID) + " " + strconv.FormatUint(uint64(o.Status), 10)
	if o.Start > 0 {
		text += " " + strconv.FormatUint(o.Start, 10)
	}
	return text
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
