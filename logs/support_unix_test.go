//go:build unix

package logs

import (
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// dup returns the child's end as a file and closes the pipe's own.
func dup(t testing.TB, p *Pipe) *os.File {
	t.Helper()
	fd, err := syscall.Dup(p.ChildFD())
	require.NoError(t, err)
	syscall.CloseOnExec(fd)
	p.CloseChild()
	return os.NewFile(uintptr(fd), "child")
}
