//go:build !linux

package procstat

import (
	"net"
	"slices"
	"strconv"
	"strings"

	gnet "github.com/shirou/gopsutil/v3/net"
	"github.com/shirou/gopsutil/v3/process"
)

// Listening returns the TCP ports that the processes listen on, the lowest first.
func Listening(pids []int) []Listener {
	var out []Listener
	for _, pid := range pids {
		d, err := Inspect(pid)
		if err != nil {
			continue
		}
		for _, l := range d.Listening {
			host, port, err := net.SplitHostPort(strings.TrimPrefix(l, "tcp "))
			if n, bad := strconv.Atoi(port); err == nil && bad == nil {
				out = append(out, Listener{Host: host, Port: n, PID: pid})
			}
		}
	}
	slices.SortFunc(out, func(a, b Listener) int { return a.Port - b.Port })
	return out
}

// Owner returns the pid of a process that listens on the port, and the name of its program; 0 if that cannot be told.
func Owner(port int) (pid int, name string) {
	all, err := gnet.Connections("tcp")
	if err != nil {
		return 0, ""
	}
	for _, c := range all {
		if c.Status == "LISTEN" && int(c.Laddr.Port) == port && c.Pid > 0 {
			if p, err := process.NewProcess(c.Pid); err == nil {
				name, _ = p.Name() // it may be gone
			}
			return int(c.Pid), name
		}
	}
	return 0, ""
}
