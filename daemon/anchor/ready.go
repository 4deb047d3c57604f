//go:build unix

package anchor

import "syscall"

// readyFD is where whoever starts an anchor puts the write end of its ready pipe.
const readyFD = 3

// readyPipe gets one answer. The zero pointer has nobody waiting.
type readyPipe struct{ fd int }

// inheritReady takes over descriptor 3, if it is the write end of a pipe.
func inheritReady() *readyPipe {
	var st syscall.Stat_t
	if syscall.Fstat(readyFD, &st) != nil || st.Mode&syscall.S_IFMT != syscall.S_IFIFO {
		return nil
	}
	if flags, err := fcntl(readyFD, syscall.F_GETFL); err != nil || flags&syscall.O_ACCMODE != syscall.O_WRONLY {
		return nil
	}
	syscall.CloseOnExec(readyFD)
	return &readyPipe{readyFD}
}

// say gives the answer, and reports whether anybody was waiting for one.
func (r *readyPipe) say(word, text string) bool {
	if r == nil || r.fd < 0 {
		return false
	}
	b := []byte(word + " " + oneLine(text) + "\n")
	for {
		_, err := syscall.Write(r.fd, b) // less than PIPE_BUF: all or nothing
		if err != syscall.EINTR {
			break // who does not wait any more need not know
		}
	}
	syscall.Close(r.fd)
	r.fd = -1
	return true
}

func fcntl(fd, what int) (int, error) {
	n, _, e := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), uintptr(what), 0)
	if e != 0 {
		return 0, e
	}
	return int(n), nil
}
