package supervisor

import (
	"syscall"
	"time"

	"weaver/app"
	"weaver/supervisor/lifecycle"
	"weaver/supervisor/spawn"
)

// message is what can be in a keeper's mailbox. The set is closed.
type message interface{ message() }

type (
	// tell is an input for the state machine; by is set when an operator gave it, who may wait for what comes of it. cause
	// says who or what it comes from, for people.
	tell struct {
		in    lifecycle.Input
		by    bool
		cause string
		join  *join
		part  part  // of an operation with an id
		pass  *pass // left when the input has been worked on
	}
	// died is the news of an exit, with what the state machine need not know.
	died struct {
		gen  uint64
		exit spawn.Exit
	}
	// respec is a new spec; what runs goes on with the old one.
	respec struct{ spec *app.Spec }
	// rename is what the incarnation gen wants its process to be called.
	rename struct {
		gen  uint64
		name string
	}
	// hurry replaces the kill timeout for the stop under way or to come; 0 kills at once.
	// It holds until the process has come to rest.
	hurry struct{ timeout time.Duration }
	// refork is a spawn that a former supervisor decided, and did not get to.
	refork struct{ gen uint64 }
	// resumed is the first message of a keeper that a former supervisor had.
	resumed struct{}

	// released tells a spare's keeper that it was told to listen.
	released struct{}
	// enlist makes an instance of a spare.
	enlist struct{ done chan struct{} }

	// tick is the keeper's own alarm.
	tick struct{}
	// sendSignal goes to the main process.
	sendSignal struct {
		sig   syscall.Signal
		reply chan<- error
		part  part
	}
	// deliver does something with the child that runs.
	deliver struct {
		do    func(child) error
		reply chan<- error
	}
	// listTree asks which processes are part of this one.
	listTree struct{ reply chan<- []int }
	// join waits for a condition. done is closed when it holds, and when the keeper ends. gen is the newest incarnation as
	// of the input that the join came with: other inputs may come between, and what they bring is not what was asked for.
	join struct {
		until func(s *lifecycle.State, gen uint64) bool
		gen   uint64
		done  chan struct{}
	}
)

func (tell) message()       {}
func (died) message()       {}
func (respec) message()     {}
func (rename) message()     {}
func (hurry) message()      {}
func (refork) message()     {}
func (resumed) message()    {}
func (released) message()   {}
func (enlist) message()     {}
func (tick) message()       {}
func (sendSignal) message() {}
func (deliver) message()    {}
func (listTree) message()   {}
func (*join) message()      {}
