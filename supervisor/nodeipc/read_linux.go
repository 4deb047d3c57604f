package nodeipc

import (
	"encoding/json"
	"errors"

	"golang.org/x/sys/unix"

	"weaver/skim"
)

// ready reads what is there, a few windows of it.
func (c *Channel) ready(x *Exchange, events uint32) (more bool) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return false
	}
	c.flush()
	c.mu.Unlock()
	c.hup = c.hup || events&(unix.EPOLLHUP|unix.EPOLLRDHUP|unix.EPOLLERR) != 0
	for range turns {
		if !c.look(x) {
			c.measure(x)
			return false
		}
	}
	return true
}

// look peeks at what is there, acts on the whole frames in it, and takes them out once they are answered. It reports
// whether there may be more.
func (c *Channel) look(x *Exchange) (more bool) {
	n, _, err := unix.Recvfrom(c.fd, x.buf, unix.MSG_PEEK|unix.MSG_DONTWAIT)
	switch {
	case errors.Is(err, unix.EINTR):
		return true
	case errors.Is(err, unix.EAGAIN):
		return false
	case err != nil || n == 0:
		c.shut()
		return false
	}
	if c.long != nil || c.skip {
		return c.lengthen(x, n)
	}
	full := n == len(x.buf)
	news := x.buf[min(c.acted, n):n]
	handled, take := 0, c.hup
	for {
		frame, size := c.kind.cut(news[handled:])
		if size == 0 {
			break
		}
		if text, ok := c.kind.unpack(frame); ok {
			take = c.act(text) || take
		}
		handled += size
	}
	c.acted += handled
	switch {
	case c.acted > 0 && (take || full || c.settled()):
		return c.consume(x, c.acted)
	case c.acted > 0:
		return handled > 0 // acting may have brought an answer that came in at once
	case full || c.hup:
		c.long = make([]byte, 0, 4*window)
		return c.lengthen(x, n)
	}
	return false
}

// lengthen adds the n bytes in the window, or those up to its end, to the frame that did not fit into one.
func (c *Channel) lengthen(x *Exchange, n int) bool {
	n, last := c.kind.rest(x.buf[:n], &c.left)
	if len(c.long)+n > MaxFrame {
		c.long, c.skip = nil, true
	}
	if !c.skip {
		c.long = append(c.long, x.buf[:n]...)
	}
	more := c.consume(x, n)
	if last {
		frame := c.long
		c.long, c.skip, c.left = nil, false, 0
		if whole, size := c.kind.cut(frame); size > 0 {
			if text, ok := c.kind.unpack(whole); ok {
				c.act(text)
			}
		}
	}
	return more
}

// consume takes n bytes out of the socket, and closes descriptors that come with them.
func (c *Channel) consume(x *Exchange, n int) bool {
	c.acted = 0
	for n > 0 {
		got, rights, _, _, err := unix.Recvmsg(c.fd, x.buf[:n], x.rights, unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
		closeRights(x.rights[:max(rights, 0)])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || got == 0 {
			return true // the next look tells
		}
		n -= got
	}
	return true
}

func closeRights(b []byte) {
	messages, err := unix.ParseSocketControlMessage(b)
	if err != nil {
		return
	}
	for i := range messages {
		fds, _ := unix.ParseUnixRights(&messages[i]) // none in other messages
		for _, fd := range fds {
			unix.Close(fd)
		}
	}
}

// act does what a frame asks for. It reports whether the frame must be taken at once, since a descriptor in the socket
// hides what is behind it.
func (c *Channel) act(line []byte) (take bool) {
	cmd, ok := command(line)
	if !ok {
		return false // the rest of a frame whose beginning another reader took, or noise
	}
	switch cmd {
	case "":
		c.talk.heard++
		if c.hooks.Message != nil {
			c.hooks.Message(line)
		}
	case cmdCluster:
		if c.hooks.cluster == nil {
			return false
		}
		var r request
		if json.Unmarshal(line, &r) == nil {
			c.hooks.cluster(&r)
		}
	case cmdHandle:
		// Nobody here has a use for a child's handles, but the child waits for the answer.
		c.answer(`{"cmd":"` + cmdAck + `"}`)
		skim.Members(line, func(key string, value []byte) {
			if key != "msg" {
				return
			}
			if cmd, ok := command(value); ok && cmd == "" && c.hooks.Message != nil {
				c.hooks.Message(value)
			}
		})
		return true
	case cmdAck:
		c.acknowledged(true)
	case cmdNack:
		c.acknowledged(false)
	case cmdShutdown:
		c.endsItself.Store(true)
	}
	return false
}
