//go:build !linux && !darwin

package spawn

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// system has nothing: each child is waited for by a goroutine, through os.Process.
type system struct{}

type handle struct{ process *os.Process }

var errUnsupported = errors.New("not supported on this system")

func (*system) start(*Spawner) error { return nil }
func (*system) stop() error          { return nil }
func (*system) forsake()             {}
func (*system) isMain(int) bool      { return false }

// null stays unused: descriptors are passed by file here.
func openNull() (int, error) { return -1, nil }

func keepDescriptors() error { return nil }

func countFree() (int, bool) { return 0, false }

func closeFD(int) {}

func freeDescriptors(_, want int) (int, error) { return want, nil }

func (s *Spawner) launch(c *Cmd, child *Child) error {
	child.bounds, child.holds = c.Bounds, hold(c.Bounds)
	if c.trampolined() || c.Umask != nil || c.Nice != nil || c.User != nil || len(c.Extra) > 0 {
		return fmt.Errorf("exec %s: user, umask, nice, limits and extra descriptors: %w", c.Path, errUnsupported)
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", os.DevNull, err)
	}
	defer null.Close()
	files := make([]*os.File, 3)
	for i, fd := range [...]int{c.Stdin, c.Stdout, c.Stderr} {
		files[i] = null
		switch {
		case fd == 0:
			files[i] = os.Stdin
		case fd == 1:
			files[i] = os.Stdout
		case fd == 2:
			files[i] = os.Stderr
		case fd > 2:
			return fmt.Errorf("exec %s: raw descriptor %d: %w", c.Path, fd, errUnsupported)
		}
	}
	p, err := os.StartProcess(c.Path, c.Argv, &os.ProcAttr{Dir: c.Dir, Env: c.environment(s.options.Marker), Files: files})
	if err != nil {
		return fmt.Errorf("exec %s: %w", c.Path, err)
	}
	child.PID, child.process = p.Pid, p
	go s.reap(child) // until the child ends; Close does not wait for it
	return nil
}

func (s *Spawner) reap(c *Child) {
	state, err := c.process.Wait()
	e := Exit{Code: -1, Lost: err != nil, At: time.Now()}
	if err == nil {
		e.Code = state.ExitCode()
		e.User, e.System = state.UserTime(), state.SystemTime()
	}
	c.mu.Lock()
	c.reaped = true
	c.mu.Unlock()
	if s.closed() {
		return
	}
	if peek := s.options.Peek; peek != nil {
		peek(c.Tag, e)
	}
	c.ended(e)
}

// Membership says how the processes of the tree are known.
func (c *Child) Membership() string { return "process" }

func (c *Child) grouped() bool      { return true } // of one
func (c *Child) populated() bool    { return false }
func (c *Child) vacant() bool       { return false }
func (c *Child) closeHandle() error { return nil }
func (c *Child) killGroup() bool    { return false }
func (c *Child) killSession()       {}

func (c *Child) sendMain(sig syscall.Signal) error { return c.process.Signal(sig) }

func (c *Child) membersIn(*table) (census, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reaped {
		return census{}, nil
	}
	return census{tree: []member{{pid: c.PID, start: c.StartTime}}}, nil
}

func (s *Spawner) table() (*table, error) { return nil, errUnsupported }

func carries(process, string) (has, sure bool) { return false, true }

func sendIdentified(member, syscall.Signal) error { return errUnsupported }

func (c *Child) gone() bool { return false }

func (s *Spawner) watchMember(member, func()) bool { return false }

// RaiseNoFile does nothing: there is no such limit.
func RaiseNoFile(want uint64) (soft, hard uint64, err error) { return want, want, nil }

// RestoreNoFile does nothing.
func RestoreNoFile() error { return nil }
