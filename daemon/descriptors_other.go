//go:build !unix

package daemon

import (
	"errors"
	"net"
	"os"
	"time"

	"weaver/daemon/anchor"
)

var errNoStore = errors.New("this system passes no descriptors")

func inheritStore() (map[string]int, error)                   { return nil, nil }
func identify(int) (held, error)                              { return held{}, errNoStore }
func sendRights(*os.File, string, []int, time.Duration) error { return errNoStore }

func fileID(string) (dev, ino uint64, ok bool)     { return 0, 0, false }
func adoptListener(int) (*net.UnixListener, error) { return nil, errNoStore }
func dupListener(*net.UnixListener) (int, error)   { return -1, errNoStore }

func execAnchor(*anchor.Listing, int, string, string) error { return errNoStore }
