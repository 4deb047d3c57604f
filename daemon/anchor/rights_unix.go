//go:build unix

package anchor

import "syscall"

// SendMessage sends one message, with descriptors, or fails at once.
func SendMessage(socket int, text string, fds []int) error {
	var rights []byte
	if len(fds) > 0 {
		rights = syscall.UnixRights(fds...)
	}
	for {
		_, err := syscall.SendmsgN(socket, []byte(text), rights, nil, sendFlags)
		if err != syscall.EINTR {
			return err
		}
	}
}

// room is what is needed to receive a message.
type room struct {
	text   [MaxMessage]byte
	rights []byte
}

// message is one that came in, with its descriptors, which are close-on-exec.
type message struct {
	text string
	fds  []int
}

// receive receives one message: EAGAIN when there is none, an empty one at the end.
func (r *room) receive(socket int) (m message, err error) {
	if r.rights == nil {
		r.rights = make([]byte, syscall.CmsgSpace(4*MaxRights))
	}
	var n, rn int
	for {
		n, rn, _, _, err = syscall.Recvmsg(socket, r.text[:], r.rights, receiveFlags)
		if err != syscall.EINTR {
			break
		}
	}
	if err != nil {
		return message{}, err
	}
	m.text = string(r.text[:max(n, 0)])
	if rn <= 0 {
		return m, nil
	}
	controls, err := syscall.ParseSocketControlMessage(r.rights[:rn])
	if err != nil {
		return m, nil // none of ours
	}
	for i := range controls {
		fds, err := syscall.ParseUnixRights(&controls[i])
		if err != nil {
			continue
		}
		for _, fd := range fds {
			syscall.CloseOnExec(fd) // where receiveFlags could not ask for it
		}
		m.fds = append(m.fds, fds...)
	}
	return m, nil
}
