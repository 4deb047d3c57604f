package supervisor

import (
	"fmt"
	"net"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"weaver/procstat"
	"weaver/supervisor/nodeipc"
)

// queue is a listening socket that a process opened itself, and that others share the port of.
type queue struct {
	fd      int // a copy of it
	address string
}

// relieveOwn has the ports that a process has opened to be shared get nothing new: all goes to its successor's. It returns
// copies of its sockets, so that what is in their queues is there when it has closed them. Only two are told apart: of more
// it is not known in which order they began to listen.
func relieveOwn(pid, successor int) (queues []queue) {
	theirs := map[string]bool{}
	address := func(p procstat.Port) string { return net.JoinHostPort(p.Host, strconv.Itoa(p.Port)) }
	for _, p := range procstat.Ports(successor) {
		theirs[address(p)] = true
	}
	if len(theirs) == 0 {
		return nil
	}
	for _, p := range procstat.Ports(pid) {
		if at := address(p); p.Sharers == 2 && theirs[at] {
			fd, err := descriptorOf(pid, p.FD)
			if err != nil {
				return queues // it is not ours to look into
			}
			if nodeipc.Front(fd, 1) != nil {
				unix.Close(fd)
				continue
			}
			queues = append(queues, queue{fd, at})
		}
	}
	return queues
}

// descriptorOf returns a copy of a descriptor of another process.
func descriptorOf(pid, fd int) (int, error) {
	p, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return -1, fmt.Errorf("open process %d: %w", pid, err)
	}
	defer unix.Close(p)
	own, err := unix.PidfdGetfd(p, fd, 0)
	if err != nil {
		return -1, fmt.Errorf("copy a descriptor of process %d: %w", pid, err)
	}
	return own, nil
}

// close passes on what is still in the queue, and closes it. Its process has, so that nobody else takes from there.
func (q queue) close() {
	_ = unix.SetNonblock(q.fd, true) // or what waits is taken by whom we do not know
	g := os.NewFile(uintptr(q.fd), "queue")
	defer g.Close()
	for range nodeipc.Waiting(q.fd) {
		from, err := acceptAt(g)
		if err != nil || from == nil {
			return
		}
		go forward(from, q.address) // ends with the connection
	}
}
