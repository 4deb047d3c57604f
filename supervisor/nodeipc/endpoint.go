package nodeipc

import (
	"path/filepath"
	"strconv"
	"strings"
)

// Endpoint is what a socket is bound to.
type Endpoint struct {
	// Network is "tcp", "udp" or "unix".
	Network string `json:"network"`
	// Address is an IP address, "" for all, or a path. One that begins with a zero byte is a name of Linux' and no file.
	Address string `json:"address,omitempty"`
	Port    int    `json:"port,omitempty"`
	// V6 asks for the IPv6 family where the address does not say, V6Only for no IPv4 beside it.
	V6     bool `json:"v6,omitempty"`
	V6Only bool `json:"v6only,omitempty"`
	// ReusePort lets several sockets share the port; Reuse lets several UDP sockets share the address.
	ReusePort bool `json:"reuseport,omitempty"`
	Reuse     bool `json:"reuse,omitempty"`
	Backlog   int  `json:"backlog,omitempty"` // 0 is Node's own
	// Readable and Writable let everybody read and write the file of a path.
	Readable bool `json:"readable,omitempty"`
	Writable bool `json:"writable,omitempty"`
	// Padded has such a name go on in zeros for as long as it may be, which is another name than without.
	Padded bool `json:"padded,omitempty"`
}

// abstract reports a name that is no file's.
func (e Endpoint) abstract() bool { return e.Network == "unix" && e.Address != "" && e.Address[0] == 0 }

// defaultBacklog is Node's.
const defaultBacklog = 511

func (e Endpoint) String() string {
	if e.Network == "unix" {
		return e.Address
	}
	host := e.Address
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + ":" + strconv.Itoa(e.Port)
}

// The bits of a worker's flags, libuv's.
const (
	flagV6Only      = 1
	flagReuseAddr   = 4 // of UDP
	flagReusePort   = 2 // of TCP
	flagReusePortUD = 8 // of UDP
)

// endpoint returns what a worker in dir asks to listen on.
func (r *request) endpoint(dir string) Endpoint {
	e := Endpoint{Network: "tcp", Address: r.address(), Port: int(r.Port), Backlog: int(r.Backlog)}
	switch f := r.family(); f {
	case "-1":
		e.Network, e.Port = "unix", 0
		e.Readable, e.Writable = bool(r.ReadableAll), bool(r.WritableAll)
		// Workers take every name for that of a file, and put their directory before it.
		if i := strings.IndexByte(e.Address, 0); i >= 0 {
			e.Address = e.Address[i:]
		} else if e.Address != "" && !filepath.IsAbs(e.Address) {
			e.Address = filepath.Join(dir, e.Address)
		}
	case "udp4", "udp6":
		e.Network, e.V6 = "udp", f == "udp6"
		e.Reuse, e.ReusePort = r.Flags&flagReuseAddr != 0, r.Flags&flagReusePortUD != 0
		e.V6Only = r.Flags&flagV6Only != 0
	default:
		e.V6 = f == "6"
		e.V6Only = r.Flags&flagV6Only != 0
	}
	return e
}

// key names a server: workers that ask for the same share it.
func (r *request) key() string {
	return r.address() + ":" + strconv.Itoa(int(r.Port)) + ":" + r.family() + ":" + strconv.Itoa(r.descriptor()) + ":" + strconv.Itoa(int(r.Index))
}
