package spawn

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
	"weaver/supervisor/spawn/trampoline"
)

// trampoline turns the plan into one that runs the trampoline at path first.
func (p *plan) trampoline(c *Cmd, path string) error {
	f, err := newFailure(c)
	if err != nil {
		return err
	}
	p.failure = f
	settings := trampoline.Settings{
		OOMScoreAdj: c.OOMScoreAdj,
		ListenPID:   c.ListenPID,
		Dir:         c.Dir,
	}
	for _, fd := range c.join {
		settings.Join = append(settings.Join, len(p.attr.Files))
		p.attr.Files = append(p.attr.Files, uintptr(fd))
	}
	settings.ErrFD = len(p.attr.Files)
	asked := false
	for _, l := range c.Rlimits {
		settings.Rlimits = append(settings.Rlimits, trampoline.Rlimit(l))
		asked = asked || l.Resource == unix.RLIMIT_NOFILE
	}
	if orig := originalNoFile.Load(); orig != nil && !asked {
		settings.Rlimits = append(settings.Rlimits,
			trampoline.Rlimit{Resource: unix.RLIMIT_NOFILE, Soft: orig.Cur, Hard: orig.Max})
	}
	if u := c.User; u != nil {
		settings.User = &trampoline.User{UID: u.UID, GID: u.GID, Groups: u.Groups}
	}
	p.attr.Files = append(p.attr.Files, uintptr(f.write))
	p.attr.Dir = "" // the user may not be allowed to see the trampoline, nor the supervisor the directory
	p.path, p.argv = path, append([]string{trampoline.Name, settings.Encode(), c.Path}, c.Argv...)
	return nil
}

// failure is the pipe on which a trampoline tells why it gave up; exec closes it.
type failure struct {
	cmd   *Cmd
	pipe  *os.File // the read end, in the poller
	write int      // the child's end; -1 once closed
}

func newFailure(c *Cmd) (*failure, error) {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return nil, fmt.Errorf("exec %s: trampoline pipe: %w", c.Path, err)
	}
	_ = unix.SetNonblock(ends[0], true) // fcntl on a pipe of ours
	return &failure{cmd: c, pipe: os.NewFile(uintptr(ends[0]), "trampoline"), write: ends[1]}, nil
}

// read waits until the trampoline became the program, and returns why not if it did not.
func (f *failure) read() error {
	f.closeWrite()
	text, err := io.ReadAll(f.pipe)
	if err != nil {
		return fmt.Errorf("exec %s: trampoline pipe: %w", f.cmd.Path, err)
	}
	if len(text) == 0 {
		return nil
	}
	told, ok := trampoline.ParseFailure(text)
	if !ok {
		return fmt.Errorf("exec %s: internal: trampoline said %q", f.cmd.Path, text)
	}
	return f.explain(told)
}

func (f *failure) explain(told trampoline.Failure) error {
	c := f.cmd
	switch told.Stage {
	case trampoline.StageRlimit:
		for _, l := range c.Rlimits {
			if l.Resource == int(told.Detail) {
				return fmt.Errorf("limit %d to %d:%d: %w", l.Resource, l.Soft, l.Hard, told.Errno)
			}
		}
		return fmt.Errorf("limit %d: %w", told.Detail, told.Errno)
	case trampoline.StageJoin:
		return fmt.Errorf("join a control group: %w", told.Errno)
	case trampoline.StageOOM:
		return fmt.Errorf("oom score adjustment %d: %w", *c.OOMScoreAdj, told.Errno)
	case trampoline.StageUser:
		return fmt.Errorf("become user %d group %d: %w", c.User.UID, c.User.GID, told.Errno)
	case trampoline.StageDir:
		return fmt.Errorf("chdir %s: %w", c.Dir, told.Errno)
	default:
		return explainExec(c, told.Errno)
	}
}

func (f *failure) closeWrite() {
	if f.write >= 0 {
		unix.Close(f.write)
		f.write = -1
	}
}

func (f *failure) close() {
	f.closeWrite()
	f.pipe.Close()
}
