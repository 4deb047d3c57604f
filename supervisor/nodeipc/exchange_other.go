//go:build !linux

package nodeipc

// Exchange serves no channels on this system.
type Exchange struct{}

// Channel does not exist on this system.
type Channel struct{}

// New returns an exchange that opens nothing.
func New() (*Exchange, error) { return &Exchange{}, nil }

// Close does nothing.
func (x *Exchange) Close() error { return nil }

// Open fails.
func (x *Exchange) Open(Hooks) (*Channel, int, error) { return nil, -1, ErrUnsupported }

// Adopt fails.
func (x *Exchange) Adopt(int, Hooks) (*Channel, error) { return nil, ErrUnsupported }

// Send fails.
func (c *Channel) Send([]byte) error { return ErrUnsupported }

// Queue fails.
func (c *Channel) Queue([]byte) error { return ErrUnsupported }

// Flush has nothing to do.
func (c *Channel) Flush() {}

// Close does nothing.
func (c *Channel) Close() {}

// EndsItself returns false.
func (c *Channel) EndsItself() bool { return false }

// FD returns -1.
func (c *Channel) FD() int { return -1 }
