package procstat

import (
	"bufio"
	"encoding/hex"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Listening returns the TCP ports that the processes listen on, the lowest first. It reads the sockets of the network
// namespace of the first, and the descriptors of each: less than a millisecond for a few processes.
func Listening(pids []int) []Listener {
	if len(pids) == 0 {
		return nil
	}
	sockets := listenersBeside(pids[0])
	if len(sockets) == 0 {
		return nil
	}
	var out []Listener
	for _, pid := range pids {
		for _, inode := range socketsOf(pid) {
			if l, ok := sockets[inode]; ok {
				l.PID = pid
				out = append(out, l)
			}
		}
	}
	slices.SortFunc(out, func(a, b Listener) int {
		if a.Port != b.Port {
			return a.Port - b.Port
		}
		return strings.Compare(a.Host, b.Host)
	})
	return slices.Compact(out)
}

// Owner returns the pid of a process that listens on the port, and the name of its program; 0 if that cannot be told.
func Owner(port int) (pid int, name string) {
	sockets := listenersBeside(os.Getpid())
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0, ""
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		for _, inode := range socketsOf(pid) {
			if l, ok := sockets[inode]; ok && l.Port == port {
				comm, _ := os.ReadFile("/proc/" + e.Name() + "/comm") // it may be gone
				return pid, strings.TrimSpace(string(comm))
			}
		}
	}
	return 0, ""
}

// socketsOf are the inodes of a process's sockets; none if it cannot be looked at.
func socketsOf(pid int) []string {
	dir := "/proc/" + strconv.Itoa(pid) + "/fd"
	d, err := os.Open(dir)
	if err != nil {
		return nil
	}
	defer d.Close()
	names, _ := d.Readdirnames(-1) // it may end meanwhile
	var out []string
	for _, n := range names {
		link, err := os.Readlink(dir + "/" + n)
		if inode, ok := strings.CutPrefix(link, "socket:["); err == nil && ok {
			out = append(out, strings.TrimSuffix(inode, "]"))
		}
	}
	return out
}

// listenersBeside are the listening TCP sockets of a process's network namespace, by inode.
func listenersBeside(pid int) map[string]Listener {
	if sharesNetwork(pid) {
		if list, err := tcpSockets(tcpListen); err == nil {
			out := make(map[string]Listener, len(list))
			for _, s := range list {
				out[s.inode] = Listener{Host: s.local.Addr().String(), Port: int(s.local.Port())}
			}
			return out
		}
	}
	return listenSockets("/proc/" + strconv.Itoa(pid) + "/net/")
}

// listenSockets are the listening TCP sockets of a network namespace, by inode.
func listenSockets(dir string) map[string]Listener {
	out := map[string]Listener{}
	for _, name := range []string{"tcp", "tcp6"} {
		f, err := os.Open(dir + name)
		if err != nil {
			continue // no IPv6 in this kernel
		}
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			if inode, l, ok := listenLine(lines.Text()); ok {
				out[inode] = l
			}
		}
		f.Close()
	}
	return out
}

// listenLine reads a line of /proc/net/tcp: "0: 0100007F:1F90 00000000:0000 0A … inode …".
func listenLine(line string) (inode string, l Listener, ok bool) {
	fields := strings.Fields(line)
	const listen = "0A"
	if len(fields) < 10 || fields[3] != listen {
		return "", l, false
	}
	host, port, found := strings.Cut(fields[1], ":")
	n, err := strconv.ParseUint(port, 16, 16)
	raw, bad := hex.DecodeString(host)
	if !found || err != nil || bad != nil || len(raw)%4 != 0 {
		return "", l, false
	}
	for i := 0; i < len(raw); i += 4 { // words in the order of the machine: little endian on all that Go runs Linux on but s390x
		slices.Reverse(raw[i : i+4])
	}
	addr, ok := netip.AddrFromSlice(raw)
	if !ok {
		return "", l, false
	}
	return fields[9], Listener{Host: addr.Unmap().String(), Port: int(n)}, true
}
