//go:build !linux

package health

import "net"

func passCredentials(*net.UnixConn) error { return nil }

func sender([]byte) (uid int, ok bool) { return 0, false }
