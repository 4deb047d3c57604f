//go:build !linux

package nodeipc

// Supported says that there are channels and clusters here.
const Supported = false

// Primary has no workers on this system.
type Primary struct{}

// Member says who a worker is.
type Member struct {
	Group     string
	Slot      int
	Policy    Policy
	Dir       string
	Held      []int
	Listening func()
	Spare     func(release func(standsIn bool))
}

// Worker does not exist on this system.
type Worker struct {
	*Channel
	ID uint64
}

// NewPrimary returns a primary that opens nothing.
func NewPrimary(*Exchange, Store, func(group, text string)) *Primary { return &Primary{} }

// Close does nothing.
func (p *Primary) Close() {}

// Open fails.
func (p *Primary) Open(Member, Hooks) (*Worker, int, error) { return nil, -1, ErrUnsupported }

// Inherit does nothing.
func (p *Primary) Inherit(func(string) (int, bool), []byte) error { return nil }

// Adopt fails.
func (p *Primary) Adopt(Member, uint64, bool, int, Hooks) (*Worker, error) {
	return nil, ErrUnsupported
}

// Settle does nothing.
func (p *Primary) Settle() {}

// Expect does nothing.
func (p *Primary) Expect(string, int, bool) {}

// Retire fails.
func (w *Worker) Retire() error { return ErrUnsupported }

// Bind fails.
func Bind(Endpoint) (int, error) { return -1, ErrUnsupported }

// Listen fails.
func Listen(int, int) error { return ErrUnsupported }

// Beside fails.
func Beside(int, Endpoint) (int, error) { return -1, ErrUnsupported }

// Front fails.
func Front(int, int) error { return ErrUnsupported }

// Waiting is none.
func Waiting(int) int { return 0 }
