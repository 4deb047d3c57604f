//go:build unix

package anchor

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// supervisor is one that lives.
type supervisor struct {
	pid      int
	control  *os.File
	messages chan string // closed when nothing more comes
	failed   string      // why it said that it cannot start
	reaped   bool        // its pid may be someone else's now
}

// launch starts a supervisor: stdin is /dev/null, output goes to the log, 3 is the control socket, 4 the lock.
func launch(o Options, lock, log int) (*supervisor, error) {
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, err
	}
	defer syscall.Close(theirs)
	null, err := os.Open(os.DevNull)
	if err != nil {
		syscall.Close(ours)
		return nil, err
	}
	defer null.Close()
	pid, err := syscall.ForkExec(o.Weaverd, []string{"weaverd", "supervise"}, &syscall.ProcAttr{
		Dir:   "/",
		Env:   environ(os.Environ(), o.Home),
		Files: []uintptr{null.Fd(), uintptr(log), uintptr(log), uintptr(theirs), uintptr(lock)},
		// Not in the group that a terminal interrupts: the anchor passes that on.
		Sys: &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		syscall.Close(ours)
		return nil, err
	}
	s := &supervisor{pid: pid, control: os.NewFile(uintptr(ours), "control"), messages: make(chan string)}
	go s.read() // ends when the supervisor closes its end, or with rest
	return s, nil
}

// environ is env with the variables that tell the supervisor where it is.
func environ(env []string, home string) []string {
	own := []string{"WEAVER_HOME=" + home, ControlEnv + "=3", LockEnv + "=4"}
	out := make([]string, 0, len(env)+len(own))
next:
	for _, e := range env {
		for _, o := range own {
			if strings.HasPrefix(e, o[:strings.IndexByte(o, '=')+1]) {
				continue next
			}
		}
		out = append(out, e)
	}
	return append(out, own...)
}

func (s *supervisor) read() {
	defer close(s.messages)
	buf := make([]byte, MaxMessage)
	for {
		n, err := s.control.Read(buf)
		if err != nil || n == 0 {
			return
		}
		s.messages <- string(buf[:n])
	}
}

// rest returns what a dead supervisor said last, and ends the reader. It does not wait for the end of the socket: a
// service that inherited it by mistake would keep that from coming.
func (s *supervisor) rest() []string {
	var texts []string
	_ = s.control.SetReadDeadline(time.Unix(1, 0))
	if s.messages != nil {
		for text := range s.messages {
			texts = append(texts, text)
		}
	}
	raw, err := s.control.SyscallConn()
	if err != nil {
		return texts
	}
	buf := make([]byte, MaxMessage)
	_ = raw.Control(func(fd uintptr) {
		for {
			n, err := syscall.Read(int(fd), buf)
			if err == syscall.EINTR {
				continue
			}
			if err != nil || n <= 0 {
				return
			}
			texts = append(texts, string(buf[:n]))
		}
	})
	return texts
}

// send sends one message, or fails at once.
func (s *supervisor) send(text string) error {
	raw, err := s.control.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) {
		_, failed = syscall.SendmsgN(int(fd), []byte(text), nil, nil, sendFlags)
	}); err != nil {
		return err
	}
	return failed
}

// signal sends sig to it, while the pid is certainly its own.
func (s *supervisor) signal(sig syscall.Signal) {
	if !s.reaped {
		_ = syscall.Kill(s.pid, sig)
	}
}

// close closes our end of the control socket.
func (s *supervisor) close() { s.control.Close() }

// ending words how a process ended, and maps it to an exit code as shells do.
func ending(status syscall.WaitStatus) (how string, code int) {
	if status.Signaled() {
		sig := status.Signal()
		how = "signal " + strconv.Itoa(int(sig)) + " (" + sig.String() + ")"
		if status.CoreDump() {
			how += ", core dumped"
		}
		return how, 128 + int(sig)
	}
	return "exit " + strconv.Itoa(status.ExitStatus()), status.ExitStatus()
}
