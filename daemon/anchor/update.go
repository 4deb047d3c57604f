//go:build unix

package anchor

import (
	"os"
	"strconv"
	"syscall"
)

// update is an executable that is to be tried.
type update struct {
	fd   int // -1 if there is none, or it has been started
	path string
}

func noUpdate() update { return update{fd: -1} }

// set takes over what a message brought.
func (u *update) set(path string, fds []int) {
	if len(fds) != 1 || path == "" || path[0] != '/' {
		closeAll(fds)
		return
	}
	if u.fd >= 0 {
		syscall.Close(u.fd)
	}
	u.fd, u.path = fds[0], path
}

// become has another executable go on in this process, with all that it holds and all its children. It returns if that
// cannot be, and the supervisor is told why; otherwise the other one tells it.
func (a *anchor) become(fds []int) {
	if len(fds) != 1 || a.sup == nil || a.sup.reaped {
		closeAll(fds)
		return
	}
	heard := a.sup.pause()
	for _, m := range heard {
		a.hear(m)
	}
	err := a.exec(fds[0])
	closeAll(fds)
	a.sup.resume()
	a.log.print("cannot be replaced: " + err.Error())
	_ = a.sup.send(MessageBecame + " " + oneLine(err.Error()))
}

// exec replaces this process by the executable that fd leads to.
func (a *anchor) exec(fd int) error {
	l := NewListing()
	for name, fd := range a.store.fds {
		l.FDs[name] = fd
	}
	if a.exes.proven >= 0 {
		l.FDs[ExeName] = a.exes.proven
	}
	l.Lock, l.Control, l.PID, l.Protocol = a.lock, a.sup.number(), a.sup.pid, a.sup.protocol
	l.Ready, l.Restarts, l.Last = a.life.ready, a.life.restarts, a.last
	l.Watchdog = int(a.dog.limit.Milliseconds())
	return l.Become(fd, a.options.Home, a.options.Weaverd)
}

// Become replaces this process by the anchor whose executable fd leads to, with the descriptors of the listing. It returns
// only if that cannot be, with everything as it was.
func (l *Listing) Become(fd int, home, weaverd string) error {
	list, err := l.Write()
	if err != nil {
		return err
	}
	defer syscall.Close(list)
	keep := []int{list, l.Lock, l.Control}
	for _, fd := range l.FDs {
		keep = append(keep, fd)
	}
	syscall.ForkLock.Lock() // nobody is being forked until all is as it was, and so nobody inherits these
	defer syscall.ForkLock.Unlock()
	setCloseOnExec(keep, 0)
	defer setCloseOnExec(keep, syscall.FD_CLOEXEC)
	env := without(os.Environ(), homeEnv, ControlEnv, LockEnv, StoreEnv, InheritEnv)
	env = append(env, homeEnv+"="+home, InheritEnv+"="+strconv.Itoa(list))
	err = syscall.Exec(fdDir+"/"+strconv.Itoa(fd), []string{"weaver", "--anchor", home, weaverd}, env)
	return &os.PathError{Op: "exec", Path: "the anchor", Err: err}
}

func setCloseOnExec(fds []int, flag int) {
	for _, fd := range fds {
		if fd >= 0 {
			_, _, _ = syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_SETFD, uintptr(flag))
		}
	}
}
