//go:build unix

package anchor

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// supervisor is one that lives.
type supervisor struct {
	pid      int
	control  *os.File
	messages chan message // closed when nothing more comes
	failed   string       // why it said that it cannot start
	hung     string       // why it was put down
	reaped   bool         // its pid may be someone else's now
	protocol int          // what it speaks; 0 before it is ready, and of the first
}

// launch starts a supervisor: stdin is /dev/null, output goes to the log, 3 is the control socket, 4 the lock, 5 the listing
// of what the store holds, 6 the executable itself, 7 ours, and what the store holds begins at firstStored. path leads to the
// executable.
func launch(o Options, path string, exe, self, lock, log int, st *store) (*supervisor, error) {
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
	files := []uintptr{null.Fd(), uintptr(log), uintptr(log), uintptr(theirs), uintptr(lock), 0, uintptr(exe)}
	listing := NewListing()
	listing.FDs[ExeName] = exeFD
	if self >= 0 {
		listing.FDs[AnchorName] = len(files)
		files = append(files, uintptr(self))
	}
	for len(files) < firstStored {
		files = append(files, ^uintptr(0)) // closed
	}
	for _, name := range st.names() {
		listing.FDs[name] = len(files)
		files = append(files, uintptr(st.fds[name]))
	}
	list, err := listing.Write()
	if err != nil {
		syscall.Close(ours)
		return nil, err
	}
	defer syscall.Close(list)
	files[listFD] = uintptr(list)
	pid, err := syscall.ForkExec(path, []string{"weaverd", "supervise"}, &syscall.ProcAttr{
		Dir:   "/",
		Env:   environ(os.Environ(), o.Home),
		Files: files,
		// Not in the group that a terminal interrupts: the anchor passes that on.
		Sys: &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		syscall.Close(ours)
		return nil, err
	}
	return attach(pid, ours), nil
}

// attach goes on with a supervisor that lives.
func attach(pid, control int) *supervisor {
	_ = syscall.SetNonblock(control, true) // it is; os.NewFile asks
	s := &supervisor{pid: pid, control: os.NewFile(uintptr(control), "control"), messages: make(chan message)}
	go s.read() // ends when the supervisor closes its end, or with rest
	return s
}

// Where a supervisor finds what it inherits.
const (
	controlFD = 3
	lockFD    = 4
	listFD    = 5
	exeFD     = 6
	// firstStored leaves the low numbers free: what a supervisor gives to children goes there, and its starts cost the more the
	// higher the numbers are.
	firstStored = 64
)

const homeEnv = "WEAVER_HOME"

// environ is env with the variables that tell the supervisor where it is.
func environ(env []string, home string) []string {
	return append(without(env, homeEnv, ControlEnv, LockEnv, StoreEnv),
		homeEnv+"="+home, ControlEnv+"="+strconv.Itoa(controlFD), LockEnv+"="+strconv.Itoa(lockFD), StoreEnv+"="+strconv.Itoa(listFD))
}

// without is env without some variables.
func without(env []string, names ...string) []string {
	out := make([]string, 0, len(env)+len(names))
	for _, e := range env {
		if name, _, _ := strings.Cut(e, "="); !slices.Contains(names, name) {
			out = append(out, e)
		}
	}
	return out
}

func (s *supervisor) read() {
	defer close(s.messages)
	raw, err := s.control.SyscallConn()
	if err != nil {
		return
	}
	var r room
	for {
		var m message
		var failed error
		err := raw.Read(func(fd uintptr) bool {
			m, failed = r.receive(int(fd))
			return failed != syscall.EAGAIN
		})
		if err != nil || failed != nil || m.text == "" {
			closeAll(m.fds)
			return
		}
		s.messages <- m
	}
}

// rest returns what a dead supervisor said last, and ends the reader. It does not wait for the end of the socket: a
// service that inherited it by mistake would keep that from coming.
func (s *supervisor) rest() []message {
	var last []message
	_ = s.control.SetReadDeadline(time.Unix(1, 0))
	if s.messages != nil {
		for m := range s.messages {
			last = append(last, m)
		}
	}
	raw, err := s.control.SyscallConn()
	if err != nil {
		return last
	}
	var r room
	_ = raw.Control(func(fd uintptr) {
		for {
			m, err := r.receive(int(fd))
			if err != nil || m.text == "" {
				closeAll(m.fds)
				return
			}
			last = append(last, m)
		}
	})
	return last
}

// send sends one message, or fails at once.
func (s *supervisor) send(text string) error {
	raw, err := s.control.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = SendMessage(int(fd), text, nil) }); err != nil {
		return err
	}
	return failed
}

// pause ends the reader and returns what it had heard; what comes later stays in the socket. resume begins to read again.
func (s *supervisor) pause() []message { return s.rest() }

func (s *supervisor) resume() {
	_ = s.control.SetReadDeadline(time.Time{})
	s.messages = make(chan message)
	go s.read() // as in attach
}

// number is that of the control socket.
func (s *supervisor) number() (fd int) {
	fd = -1
	if raw, err := s.control.SyscallConn(); err == nil {
		_ = raw.Control(func(n uintptr) { fd = int(n) })
	}
	return fd
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
