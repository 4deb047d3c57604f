package app

import (
	"encoding/json"
	"time"
)

// Kind names what happened to a process, or to the supervisor when ID is negative.
type Kind string

// The kinds. Words follow PM2's bus where it has one.
const (
	EventStart     Kind = "start"  // about to be spawned
	EventOnline    Kind = "online" // it runs, and is ready if it had to say so
	EventExit      Kind = "exit"
	EventRestart   Kind = "restart"           // will be spawned again, after Delay
	EventOverlimit Kind = "restart overlimit" // gave up
	EventStop      Kind = "stop"              // an operator's stop is complete
	EventDelete    Kind = "delete"            // forgotten
	EventReload    Kind = "reload"            // an operator's reload is complete
	EventFailed    Kind = "failed"            // something weaver tried did not work; Message says what
	EventScale     Kind = "scale"
	EventSignal    Kind = "signal"
	EventDaemon    Kind = "daemon" // about the supervisor itself
	EventWarning   Kind = "warning"
	EventMessage   Kind = "message" // a program sent Data over its IPC channel, under Topic if it named one
	EventTold      Kind = "told"    // who asked for something says that it is done: Message is PM2's word for it
)

// Event is something that happened. Seq counts up without gaps within one supervisor, so a reader sees what it missed; an
// EventMessage has that of the event before it.
type Event struct {
	Seq       uint64        `json:"seq"`
	At        time.Time     `json:"at"`
	Kind      Kind          `json:"kind"`
	ID        ID            `json:"id"`
	Name      string        `json:"name,omitempty"`
	Namespace string        `json:"namespace,omitempty"`
	Gen       uint64        `json:"gen,omitempty"`
	PID       int           `json:"pid,omitempty"`
	Status    Status        `json:"status,omitempty"`
	Manually  bool          `json:"manually,omitempty"` // an operator asked for it
	Cause     string        `json:"cause,omitempty"`    // who or what asked for it: a command line and its user, cron, a file, a limit
	Exit      *Exit         `json:"exit,omitempty"`
	Asked     bool          `json:"asked,omitempty"`    // of an exit: weaver wanted it
	Restarts  int           `json:"restarts,omitempty"` // how many there were by then
	Delay     time.Duration `json:"delay,omitempty"`
	Message   string        `json:"message,omitempty"`

	// Topic and Data are an EventMessage's: the type that the program gave it ("" if none), and what it sent under that
	// type, or the whole message.
	Topic string          `json:"topic,omitempty"`
	Data  json.RawMessage `json:"data,omitempty"`
}

// Stream is one of a process's two outputs.
type Stream string

// The streams, in PM2's words.
const (
	Out Stream = "out"
	Err Stream = "err"
)

// Line is one line of a process's output.
type Line struct {
	At        time.Time `json:"at"`
	ID        ID        `json:"id"`
	Name      string    `json:"name"`
	Namespace string    `json:"namespace,omitempty"`
	Stream    Stream    `json:"stream"`
	// Text is the line as it was written to its file (date and JSON formatting included), without its newline.
	Text string `json:"text"`
	// Raw is the line as the program wrote it, where that differs from Text.
	Raw string `json:"raw,omitempty"`
	// Missed counts lines that this reader was too slow for, just before this one.
	Missed int `json:"missed,omitempty"`
	// Place is where its file goes on after it: for a reader who has to begin again, and wants to go on there. Not known of
	// lines that are in no file.
	Place Place `json:"place,omitzero"`
}

// Place is one in a file that may be renamed.
type Place struct {
	File string `json:"file"`
	End  int64  `json:"end"`
}

// Due is something that will happen by itself: at a time, or with a zero At on a condition that What names.
type Due struct {
	At   time.Time `json:"at,omitzero"`
	What string    `json:"what"`
}
