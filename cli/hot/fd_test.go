//go:build unix

package hot

import (
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/config/home"
)

func homeAt(dir string) home.Home { return home.Home{Dir: dir} }

func dup(t *testing.T, fd int) int {
	n, err := syscall.Dup(fd)
	require.NoError(t, err)
	return n
}

func closeFD(t *testing.T, fd int) { require.NoError(t, syscall.Close(fd)) }

// Node leaves pipes that it shares non-blocking: a full one must not lose the rest.
func TestPrintWaitsForANonBlockingPipe(t *testing.T) {
	var fds [2]int
	require.NoError(t, syscall.Pipe(fds[:]))
	require.NoError(t, syscall.SetNonblock(fds[1], true))
	data := make([]byte, 1<<20)
	got := make(chan int)
	go func() { // ends with the pipe
		n, buf := 0, make([]byte, 5000)
		for {
			m, err := syscall.Read(fds[0], buf)
			if m <= 0 || err != nil {
				got <- n
				return
			}
			n += m
		}
	}()
	assert.True(t, (&try{}).print(fds[1], data))
	closeFD(t, fds[1])
	assert.Equal(t, len(data), <-got)
	closeFD(t, fds[0])
}

func TestTerminalWidth(t *testing.T) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no pseudo terminals here: ", err)
	}
	defer master.Close()
	for _, c := range []struct {
		env  string
		want int
	}{{"X=", 80}, {"COLUMNS=132", 132}, {"COLUMNS=wide", 80}} {
		tr := try{stdout: int(master.Fd()), env: []string{c.env, "TERM=xterm"}}
		cols, colour := tr.terminal(false)
		assert.Equal(t, c.want, cols, c.env)
		assert.True(t, colour)
	}
	tr := try{stdout: -1, env: []string{"COLUMNS=132"}}
	cols, colour := tr.terminal(false)
	assert.Zero(t, cols)
	assert.False(t, colour)
}
