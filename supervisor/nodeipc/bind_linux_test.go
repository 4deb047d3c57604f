package nodeipc

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestOnlyAbandonedSocketsAreReplaced: a file of another kind is somebody's, and stays as it is.
func TestOnlyAbandonedSocketsAreReplaced(t *testing.T) {
	dir, err := os.MkdirTemp("", "w") // not every path is short enough
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	at := func(name string) Endpoint { return Endpoint{Network: "unix", Address: filepath.Join(dir, name)} }

	file := at("file")
	require.NoError(t, os.WriteFile(file.Address, []byte("kept"), 0o600))
	link := at("link")
	require.NoError(t, os.Symlink(file.Address, link.Address))
	for _, e := range []Endpoint{file, link} {
		_, err = Bind(e)
		require.ErrorIs(t, err, unix.EADDRINUSE)
	}
	text, err := os.ReadFile(link.Address)
	require.NoError(t, err)
	require.Equal(t, "kept", string(text))

	socket := at("socket")
	first, err := Bind(socket)
	require.NoError(t, err)
	require.NoError(t, Listen(first, 0))
	_, err = Bind(socket)
	require.ErrorIs(t, err, unix.EADDRINUSE, "somebody listens")
	closeFD(first)
	second, err := Bind(socket)
	require.NoError(t, err)
	closeFD(second)

	open := at("open")
	open.Readable, open.Writable = true, true
	third, err := Bind(open)
	require.NoError(t, err)
	closeFD(third)
	st, err := os.Stat(open.Address)
	require.NoError(t, err)
	require.EqualValues(t, 0o666, st.Mode().Perm()&0o666)

	_, err = Bind(at("no/such"))
	require.ErrorIs(t, err, unix.EACCES, "as Node has it")

	abstract := Endpoint{Network: "unix", Address: "\x00weaver-" + strconv.Itoa(os.Getpid())}
	fd, err := Bind(abstract)
	require.NoError(t, err)
	defer closeFD(fd)
	require.NoError(t, Listen(fd, 0))
	_, err = Bind(abstract)
	require.ErrorIs(t, err, unix.EADDRINUSE)

	abstract.Padded = true // is another name
	padded, err := Bind(abstract)
	require.NoError(t, err)
	defer closeFD(padded)
	require.NoError(t, Listen(padded, 0))
	client, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	defer closeFD(client)
	longest := abstract.Address + strings.Repeat("\x00", maxPath-len(abstract.Address))
	require.NoError(t, syscall.Connect(client, &syscall.SockaddrUnix{Name: longest}))
}

// TestNamesThatAreNoFiles: a worker has its directory before them, as if they were.
func TestNamesThatAreNoFiles(t *testing.T) {
	for given, want := range map[string]string{"/work/dir/\x00name": "\x00name", "\x00name": "\x00name", "x.sock": "/here/x.sock", "/x.sock": "/x.sock"} {
		r := request{Address: &given, AddressType: []byte("-1")}
		require.Equal(t, want, r.endpoint("/here").Address, given)
	}
}
