//go:build !linux

package supervisor

import (
	"net"
	"os"

	"weaver/supervisor/nodeipc"
)

// Sockets are held on Linux only, so nothing of this is ever reached.

func openGates([]int) ([]*os.File, error) { return nil, nodeipc.ErrUnsupported }

func dupFD(int) (int, error) { return -1, nodeipc.ErrUnsupported }

func hasArrived(int) bool { return false }

func arrived(*os.File) bool { return false }

func gateHasArrived(*os.File) bool { return false }

func acceptAt(*os.File) (net.Conn, error) { return nil, nodeipc.ErrUnsupported }
