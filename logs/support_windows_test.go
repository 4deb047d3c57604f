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
	self, err := syscall.GetCurrentProcess()
	require.NoError(t, err)
	var h syscall.Handle
	require.NoError(t, syscall.DuplicateHandle(self, syscall.Handle(p.ChildFD()), self, &h, 0, false, syscall.DUPLICATE_SAME_ACCESS))
	p.CloseChild()
	return os.NewFile(uintptr(h), "child")
}
