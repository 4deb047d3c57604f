package nodeipc

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Bind returns a socket bound to e, non-blocking: a blocking one that several accept from would hang whoever loses. It
// does not listen yet. A Unix socket's file that nobody listens on any more is replaced.
func Bind(e Endpoint) (fd int, err error) {
	switch {
	case e.Network == "unix":
		return bindPath(e)
	case e.Address == "" && !e.V6 && e.Network == "tcp":
		// All addresses of both families, as Node does, or of IPv4 where that is all there is.
		fd, err = bindIP(e, netip.IPv6Unspecified())
		if errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EADDRNOTAVAIL) || errors.Is(err, unix.EINVAL) {
			fd, err = bindIP(e, netip.IPv4Unspecified())
		}
		return fd, err
	case e.Address == "" && e.V6:
		return bindIP(e, netip.IPv6Unspecified())
	case e.Address == "":
		return bindIP(e, netip.IPv4Unspecified())
	}
	ip, err := netip.ParseAddr(e.Address)
	if err != nil {
		return -1, fmt.Errorf("bind %s: %w", e, unix.EINVAL)
	}
	return bindIP(e, ip)
}

func bindIP(e Endpoint, ip netip.Addr) (int, error) {
	family, kind := unix.AF_INET, unix.SOCK_STREAM
	if ip.Is6() {
		family = unix.AF_INET6
	}
	if e.Network == "udp" {
		kind = unix.SOCK_DGRAM
	}
	fd, err := unix.Socket(family, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open a socket for %s: %w", e, err)
	}
	set := func(level, option, value int) {
		if err == nil {
			err = unix.SetsockoptInt(fd, level, option, value)
		}
	}
	if e.Network == "tcp" || e.Reuse {
		set(unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	}
	if e.ReusePort {
		set(unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	}
	var sa unix.Sockaddr = &unix.SockaddrInet4{Port: e.Port}
	if ip.Is6() {
		only := 0
		if e.V6Only {
			only = 1
		}
		set(unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only)
		sa = &unix.SockaddrInet6{Port: e.Port, Addr: ip.As16(), ZoneId: zone(ip.Zone())}
	} else {
		sa.(*unix.SockaddrInet4).Addr = ip.As4()
	}
	if err == nil {
		err = unix.Bind(fd, sa)
	}
	if err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("bind %s: %w", e, err)
	}
	return fd, nil
}

func zone(name string) uint32 {
	if name == "" {
		return 0
	}
	if n, err := strconv.ParseUint(name, 10, 32); err == nil {
		return uint32(n)
	}
	if i, err := net.InterfaceByName(name); err == nil {
		return uint32(i.Index)
	}
	return 0
}

// maxPath is how long the name of a Unix socket can be.
const maxPath = len(unix.RawSockaddrUnix{}.Path)

func bindPath(e Endpoint) (int, error) {
	path := e.Address
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open a socket for %s: %w", path, err)
	}
	sa := &unix.SockaddrUnix{Name: path}
	if e.abstract() {
		err = bindName(fd, path, e.Padded)
	} else {
		err = unix.Bind(fd, sa)
	}
	if errors.Is(err, unix.EADDRINUSE) && abandoned(sa) {
		if err = os.Remove(path); err == nil {
			err = unix.Bind(fd, sa)
		}
	}
	if errors.Is(err, unix.ENOENT) {
		err = unix.EACCES // as Node has it
	}
	if err == nil {
		err = e.open()
	}
	if err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("bind %s: %w", path, err)
	}
	return fd, nil
}

// bindName is for what is no file.
func bindName(fd int, name string, padded bool) error {
	if padded && len(name) < maxPath {
		name += strings.Repeat("\x00", maxPath-len(name))
	}
	return syscall.Bind(fd, &syscall.SockaddrUnix{Name: name}) // x/sys does not take the longest ones
}

// open lets others use the file of a path, if they are meant to.
func (e Endpoint) open() error {
	var more uint32
	if e.Readable {
		more |= 0o444
	}
	if e.Writable {
		more |= 0o222
	}
	if more == 0 {
		return nil
	}
	var st unix.Stat_t
	if err := unix.Lstat(e.Address, &st); err != nil {
		return err
	}
	return unix.Chmod(e.Address, st.Mode&0o777|more)
}

// abandoned reports whether there is the file of a socket behind which nobody listens. Of what is no socket the kernel says that
// nobody listens there, too.
func abandoned(sa *unix.SockaddrUnix) bool {
	var st unix.Stat_t
	if unix.Lstat(sa.Name, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return false
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	return errors.Is(unix.Connect(fd, sa), unix.ECONNREFUSED)
}

// Listen has a bound stream socket listen. Done again it changes the backlog only.
func Listen(fd, backlog int) error {
	if backlog <= 0 {
		backlog = defaultBacklog
	}
	if err := unix.Listen(fd, backlog); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	return nil
}

// conflicts reports whether somebody who would not notice listens on a port already: sharing it must be meant.
func conflicts(e Endpoint) error {
	if e.Port == 0 {
		return nil
	}
	e.ReusePort = false
	fd, err := Bind(e)
	if err != nil {
		return err
	}
	unix.Close(fd)
	return nil
}

// nameOf returns what getsockname tells Node.
func nameOf(fd int) *sockname {
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return nil
	}
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return &sockname{netip.AddrFrom4(sa.Addr).String(), "IPv4", sa.Port}
	case *unix.SockaddrInet6:
		return &sockname{netip.AddrFrom16(sa.Addr).String(), "IPv6", sa.Port}
	}
	return nil
}

// errnoOf returns the number that Node shows for an error: negative.
func errnoOf(err error) int {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return -int(errno)
	}
	return -int(unix.EIO)
}

func closeFD(fd int) { unix.Close(fd) }
