package supervisor

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"weaver/app"
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
	if errors.Is(err, unix.EPERM) {
		err = fmt.Errorf("%w (kernel.yama.ptrace_scope, or a sandbox)", err)
	}
	if err != nil {
		return -1, fmt.Errorf("copy a descriptor of process %d: %w", pid, err)
	}
	return own, nil
}

// socketOf returns a copy of the socket with that number that a process holds.
func socketOf(pid int, inode uint64) (int, error) {
	if n, ok := socketsOf(pid)[inode]; ok {
		return descriptorOf(pid, n)
	}
	return -1, errors.New("the process holds it no longer")
}

// socketsOf are the descriptors of a process that are sockets, by the sockets' numbers.
func socketsOf(pid int) map[uint64]int {
	dir := "/proc/" + strconv.Itoa(pid) + "/fd/"
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // it is gone, or not ours to look into
	}
	all := map[uint64]int{}
	for _, e := range entries {
		to, err := os.Readlink(dir + e.Name())
		text, ok := strings.CutPrefix(to, "socket:[")
		if err != nil || !ok {
			continue
		}
		inode, err1 := strconv.ParseUint(strings.TrimSuffix(text, "]"), 10, 64)
		n, err2 := strconv.Atoi(e.Name())
		if err1 == nil && err2 == nil {
			all[inode] = n
		}
	}
	return all
}

// execPatience is for a process in the midst of execve(2), of which there is nothing to read: the kernel has closed its descriptors and not
// made its environment yet. Nobody else has an empty one.
const execPatience = time.Second

// toldTo is what the journal would say of a process, had its supervisor lived to write it down: it was told the same.
func toldTo(pid int, spec *app.Spec) map[string]json.RawMessage {
	dir := "/proc/" + strconv.Itoa(pid)
	block, err := os.ReadFile(dir + "/environ")
	for end := time.Now().Add(execPatience); err == nil && len(block) == 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
		block, err = os.ReadFile(dir + "/environ")
	}
	if err != nil {
		return nil // it is gone
	}
	told := map[string]string{}
	for field := range strings.SplitSeq(string(block), "\x00") {
		name, value, _ := strings.Cut(field, "=")
		told[name] = value
	}
	m := map[string]json.RawMessage{}
	number := func(key, text string) {
		if n, err := strconv.ParseUint(text, 10, 64); err == nil {
			m[key] = strconv.AppendUint(nil, n, 10)
		}
	}
	if clusters(spec) {
		number(workerKey, told[workerVar])
	}
	if told[serializationVar] == advanced {
		m[valuesKey] = json.RawMessage("true")
	}
	if n, err := strconv.Atoi(told[channelVar]); err == nil && needsChannel(spec) { // our end is behind its own
		to, _ := os.Readlink(dir + "/fd/" + strconv.Itoa(n+1))
		number(channelKey, strings.TrimSuffix(strings.TrimPrefix(to, "socket:["), "]"))
	}
	if onDemand(spec) {
		number(proxyKey, told["PORT"])
	}
	return m
}

// socketInode is a socket's number; 0 if it is none.
func socketInode(fd int) uint64 {
	var st unix.Stat_t
	if fd < 0 || unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return 0
	}
	return st.Ino
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
