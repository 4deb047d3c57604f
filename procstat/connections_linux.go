package procstat

import (
	"net"
	"os"
	"strconv"

	"github.com/shirou/gopsutil/v3/process"
)

// connections sorts out the sockets of p.
func (d *Details) connections(p *process.Process) error {
	if _, err := os.ReadDir("/proc/" + strconv.Itoa(d.PID) + "/fd"); err != nil {
		return err
	}
	own := map[string]bool{}
	for _, inode := range socketsOf(d.PID) {
		own[inode] = true
	}
	if len(own) == 0 {
		return nil
	}
	if !sharesNetwork(d.PID) {
		return d.tabled(p)
	}
	list, err := tcpSockets(tcpListen, tcpEstablished)
	if err != nil {
		return d.tabled(p)
	}
	for _, s := range list {
		switch {
		case !own[s.inode]:
		case s.state == tcpListen:
			d.Listening = append(d.Listening, "tcp "+net.JoinHostPort(s.local.Addr().String(), strconv.Itoa(int(s.local.Port()))))
		default:
			d.Connections++
		}
	}
	return nil
}
