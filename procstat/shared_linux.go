package procstat

import (
	"os"
	"strconv"
	"strings"
)

// Port is an address that a process listens on by TCP.
type Port struct {
	FD      int // its descriptor there
	Host    string
	Port    int
	Sharers int // sockets that listen on that address, this one counted, whosever they are
}

// Ports returns what a process listens on.
func Ports(pid int) []Port {
	dir := "/proc/" + strconv.Itoa(pid)
	sockets := listenSockets(dir + "/net/")
	sharers := map[Listener]int{}
	for _, l := range sockets {
		sharers[l]++
	}
	d, err := os.Open(dir + "/fd")
	if err != nil {
		return nil
	}
	defer d.Close()
	names, _ := d.Readdirnames(-1) // it may end meanwhile
	var out []Port
	for _, n := range names {
		link, err := os.Readlink(dir + "/fd/" + n)
		inode, ok := strings.CutPrefix(link, "socket:[")
		if err != nil || !ok {
			continue
		}
		l, ok := sockets[strings.TrimSuffix(inode, "]")]
		if fd, err := strconv.Atoi(n); err == nil && ok {
			out = append(out, Port{FD: fd, Host: l.Host, Port: l.Port, Sharers: sharers[l]})
		}
	}
	return out
}
