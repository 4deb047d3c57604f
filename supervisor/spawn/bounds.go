package spawn

// Bounds is the most that the whole tree of a child may use. Zero is no bound; a child without any costs nothing.
type Bounds struct {
	CPU      float64 `json:"cpu,omitempty"`    // cores: 0.5 is half of one
	Memory   int64   `json:"memory,omitempty"` // bytes; the kernel kills what goes beyond
	Pids     int     `json:"pids,omitempty"`   // processes and threads
	IOWeight int     `json:"io_weight,omitempty"`
}

func (b Bounds) any() bool { return b != Bounds{} }

// Resource is what a bound is about.
type Resource string

// The resources.
const (
	CPU    Resource = "cpu"
	Memory Resource = "memory"
	Pids   Resource = "pids"
	IO     Resource = "io"
)

// Hold is what holds one bound of a child.
type Hold struct {
	What Resource `json:"what"`
	// By is the means: a file of the child's control group, or one of those below. Empty: nothing here can hold it.
	By string `json:"by,omitempty"`
	// Why says why there is no better means.
	Why string `json:"why,omitempty"`
	Dir string `json:"dir,omitempty"` // the control group with that file
}

// BySignals is the means that needs this process, which pauses and resumes the tree. A tree that is paused so goes on when this process
// dies, whoever else does: see lifeline.
const BySignals = "SIGSTOP and SIGCONT by turns"

// byFreezer is what former supervisors had for it. What a control group's freezer has paused stays so until somebody thaws it.
const byFreezer = "cgroup2 cgroup.freeze by turns"

// Holds says what holds the child's bounds, in order of resource; nil if it has none.
func (c *Child) Holds() []Hold { return c.holds }

// Bounds are what the child was launched with.
func (c *Child) Bounds() Bounds { return c.bounds }

// throttled reports that the CPU bound is held by this process.
func (c *Child) throttled() bool {
	for _, h := range c.holds {
		if h.By == BySignals {
			return true
		}
	}
	return false
}
