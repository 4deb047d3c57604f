package daemon

import (
	"os/user"
	"strconv"
	"strings"
	"sync"

	"weaver/app"
)

// actor is who asked for something.
type actor struct {
	UID     int    `json:"uid"`
	User    string `json:"user"`
	PID     int    `json:"pid"`
	Command string `json:"command,omitempty"` // the command line, secrets struck out
}

// String is for people: "weaver restart api (root, pid 4711)".
func (a actor) String() string {
	who := "(" + a.User + ", pid " + strconv.Itoa(a.PID) + ")"
	if a.Command == "" {
		return who
	}
	return a.Command + " " + who
}

// unknownActor is somebody without a connection.
var unknownActor = actor{UID: -1, User: "unknown"}

// newActor says who is at the other end. It asks the kernel, not the request: what a peer says of itself proves nothing.
func newActor(p peer) actor {
	return actor{UID: p.UID, User: userNames.name(p.UID), PID: p.PID, Command: shorten(app.Redact(commandOf(p.PID)))}
}

// maxCommand is how much of a command line is kept, in bytes.
const maxCommand = 300

// shorten makes a command line fit into one line of a screen or a log.
func shorten(s string) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }), " ")
	if len(s) > maxCommand {
		s = strings.ToValidUTF8(s[:maxCommand], "") + "…"
	}
	return s
}

// names remembers what users are called: looking it up reads a file.
type names struct {
	mu sync.Mutex
	of map[int]string
}

var userNames names

func (n *names) name(uid int) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if name, ok := n.of[uid]; ok {
		return name
	}
	name := strconv.Itoa(uid)
	if u, err := user.LookupId(name); err == nil {
		name = u.Username
	}
	if n.of == nil || len(n.of) > 1000 {
		n.of = map[int]string{}
	}
	n.of[uid] = name
	return name
}
