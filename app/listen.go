package app

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Listen is one socket that is held for an app: its instances inherit it, and it stays when they go.
type Listen struct {
	Network string // "tcp" or "unix"
	Address string // an IP address, "" for all, or a path
	Port    int
}

// ParseListen reads a port, an address and a port, or the absolute path of a Unix socket.
func ParseListen(text string) (Listen, error) {
	rest := strings.TrimPrefix(text, "tcp://")
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		rest = strings.TrimPrefix(path, "//")
	}
	switch {
	case rest == "":
		return Listen{}, fmt.Errorf("listen %q: nothing to listen on", text)
	case rest[0] == '/':
		if len(rest) > maxSocketPath {
			return Listen{}, fmt.Errorf("listen %q: the path of a socket has at most %d characters", text, maxSocketPath)
		}
		return Listen{Network: "unix", Address: rest}, nil
	}
	host, port := "", rest
	if i := strings.LastIndexByte(rest, ':'); i >= 0 {
		host, port = rest[:i], rest[i+1:]
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return Listen{}, fmt.Errorf("listen %q: %q is no port, and a path begins with a slash", text, port)
	}
	l := Listen{Network: "tcp", Port: int(n)}
	switch host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"); host {
	case "", "*":
	case "localhost":
		l.Address = "127.0.0.1"
	default:
		ip, err := netip.ParseAddr(host)
		if err != nil {
			return Listen{}, fmt.Errorf("listen %q: %q is no IP address", text, host)
		}
		l.Address = ip.String()
	}
	return l, nil
}

// maxSocketPath is what sockaddr_un has room for.
const maxSocketPath = 107

// String returns the socket as it is written.
func (l Listen) String() string {
	switch {
	case l.Network == "unix":
		return l.Address
	case l.Address == "":
		return strconv.Itoa(l.Port)
	case strings.Contains(l.Address, ":"):
		return "[" + l.Address + "]:" + strconv.Itoa(l.Port)
	}
	return l.Address + ":" + strconv.Itoa(l.Port)
}
