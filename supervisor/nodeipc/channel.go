package nodeipc

import "errors"

// Bounds of a channel.
const (
	// window is how much is peeked at once. A frame that fits is never lost with its reader.
	window = 64 << 10
	// MaxFrame is the longest frame that is taken from a child; a longer one is dropped.
	MaxFrame = 16 << 20
	// MaxQueue is how much may wait for a child that does not read. One frame may be longer when nothing else waits.
	MaxQueue = 4 << 20
	// turns is how many windows of one channel are read before others have their turn.
	turns = 4
	// attempts is how often a descriptor is sent that gets lost on its way, as in Node.
	attempts = 3
)

// Errors of Send.
var (
	// ErrClosed says that the child, or somebody here, closed the channel.
	ErrClosed = errors.New("the IPC channel is closed")
	// ErrFull says that the child does not read what it is sent.
	ErrFull = errors.New("the process does not read its IPC messages: too many wait already")
	// ErrUnsupported says that this system has no channels.
	ErrUnsupported = errors.New("IPC is not supported on this system")
)

// Hooks are what happens on a channel. They are called one at a time, on the goroutine that serves all channels, and must
// not block.
type Hooks struct {
	// Advanced says that the child was told to speak its "advanced" serialization. Here everything is JSON all the same.
	Advanced bool
	// Message gets what the program sent, one valid JSON text that is the callee's during the call only.
	Message func(raw []byte)
	// Closing is called once, while our end is still open under its number.
	Closing func()
	// Closed is called once, as the last.
	Closed func()

	cluster func(*request)
}

// Store keeps descriptors beyond this process's life, under names. What is in it stays open here until its name is removed.
type Store interface {
	Put(name string, fd int) error
	Remove(names ...string) error
}

// Notes is a Store that also notes what a primary must know, for a successor that finds nothing in the store.
type Notes interface {
	NoteCluster(state []byte)
}

// noStore keeps nothing.
type noStore struct{}

func (noStore) Put(string, int) error  { return nil }
func (noStore) Remove(...string) error { return nil }
