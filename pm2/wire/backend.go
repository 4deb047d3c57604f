package wire

import (
	"context"
	"encoding/json"
	"net"
	"time"

	"weaver/app"
	"weaver/pm2/axon"
)

// Backend is what the wire asks of whoever keeps processes.
type Backend interface {
	// List returns every process with its usage, in order of id, and Get one.
	List() []app.Process
	Get(app.ID) (app.Process, bool)
	// Add makes n processes of spec, and starts them if up, returning when they are up or have failed. It calls known, unless
	// that is nil, when they have their ids.
	Add(ctx context.Context, spec app.Spec, n int, up bool, known func()) ([]app.ID, error)
	// Duplicate adds one more like id, and starts it.
	Duplicate(ctx context.Context, id app.ID) (app.ID, error)
	// Act applies a verb to one process; a spec replaces its own before, a signal is VerbSignal's.
	Act(ctx context.Context, verb app.Verb, id app.ID, spec *app.Spec, signal string) error
	// Respec gives a process another spec for its next start.
	Respec(ctx context.Context, id app.ID, spec app.Spec) error
	// Send sends a message over the process's IPC channel, at the latest when what it returns is flushed; SendLine a text to its standard input as it is: clients end their lines.
	Send(id app.ID, message json.RawMessage) (axon.Flusher, error)
	SendLine(id app.ID, line string) error
	// Tell has the followers of Events told what somebody says of a process, after all that has happened until now.
	Tell(id app.ID, what string, manually bool)
	// Events and Lines are what happens and what is printed from now on, until ctx ends.
	Events(ctx context.Context) <-chan app.Event
	Lines(ctx context.Context) <-chan app.Line
	ReloadLogs() error
	// Kill ends every process for good and then the daemon; who called it on conn, saying that it is caller, is sent
	// SIGQUIT when that is done.
	Kill(ctx context.Context, conn net.Conn, caller int)
	Host() Host
	About() About
}

// Host is what PM2 shows of the machine.
type Host struct {
	CPU, MemoryUsed, MemoryTotal float64 // percent, bytes
	DiskRead, DiskWrite          float64 // bytes a second
	NetRecv, NetSent             float64
}

// About is what the daemon says of itself.
type About struct {
	Version string // weaver's
	Program string // its executable
	Args    []string
	Started time.Time
	UID     int
	GID     int
	CPUs    int
}

// callerKey is where a call's context has the connection it came over.
type callerKey struct{}

// Caller returns the connection of the client that a Backend works for; nil if there is none.
func Caller(ctx context.Context) net.Conn {
	c, _ := ctx.Value(callerKey{}).(net.Conn)
	return c
}
