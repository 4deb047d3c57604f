//go:build linux

package daemon

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"weaver/daemon/anchor"
)

// fakeAnchor is the other end of a link, in the test's hands.
type fakeAnchor struct {
	t  testing.TB
	fd int
	d  *descriptors
}

func newFakeAnchor(t testing.TB) *fakeAnchor {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	require.NoError(t, err)
	l := &link{file: os.NewFile(uintptr(fds[0]), "anchor"), lost: make(chan struct{}), more: make(chan struct{}, 1)}
	l.store = &descriptors{link: l}
	t.Cleanup(func() {
		unix.Close(fds[1])
		l.file.Close()
	})
	return &fakeAnchor{t, fds[1], l.store}
}

// next is the next message, with the inodes of its descriptors.
func (a *fakeAnchor) next() (text string, inodes []uint64) {
	buf, oob := make([]byte, anchor.MaxMessage), make([]byte, unix.CmsgSpace(4*anchor.MaxRights))
	var n, on int
	require.Eventually(a.t, func() bool {
		var err error
		n, on, _, _, err = unix.Recvmsg(a.fd, buf, oob, unix.MSG_CMSG_CLOEXEC)
		return err == nil
	}, 60*time.Second, time.Millisecond)
	messages, err := unix.ParseSocketControlMessage(oob[:on])
	require.NoError(a.t, err)
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		require.NoError(a.t, err)
		for _, fd := range fds {
			inodes = append(inodes, inode(a.t, fd))
			unix.Close(fd)
		}
	}
	return string(buf[:n]), inodes
}

func inode(t testing.TB, fd int) uint64 {
	h, err := identify(fd)
	require.NoError(t, err)
	return h.ino
}

func memfd(t testing.TB) int {
	fd, err := unix.MemfdCreate("test", unix.MFD_CLOEXEC)
	require.NoError(t, err)
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

func TestDescriptorsArePutInOneMessage(t *testing.T) {
	a := newFakeAnchor(t)
	x, y := memfd(t), memfd(t)
	require.NoError(t, a.d.PutAll([]string{"log/1/1/out", "log/1/1/err"}, []int{x, y}))
	text, inodes := a.next()
	assert.Equal(t, "keep log/1/1/out log/1/1/err", text)
	assert.Equal(t, []uint64{inode(t, x), inode(t, y)}, inodes)

	require.NoError(t, a.d.Remove("log/1/1/err", "nobody"))
	text, _ = a.next()
	assert.Equal(t, "drop log/1/1/err", text)
	require.NoError(t, a.d.Remove("nobody"), "nothing is sent")

	require.NoError(t, a.d.Put("log/1/1/out", y))
	text, inodes = a.next()
	assert.Equal(t, "keep log/1/1/out", text)
	assert.Equal(t, []uint64{inode(t, y)}, inodes)

	assert.ErrorContains(t, a.d.Put("a b", x), "no name")
	assert.ErrorContains(t, a.d.Put("a", 1<<20), "keep descriptor 1048576 as a: stat: bad file descriptor")
	assert.Error(t, a.d.PutAll([]string{"a"}, nil))
}

func TestMoreDescriptorsThanOneMessageHolds(t *testing.T) {
	a := newFakeAnchor(t)
	var names []string
	var fds []int
	fd := memfd(t)
	for i := range 600 {
		names = append(names, fmt.Sprintf("%s/%d", strings.Repeat("x", 20), i))
		fds = append(fds, fd)
	}
	require.NoError(t, a.d.PutAll(names, fds))
	var got []string
	for len(got) < len(names) {
		text, inodes := a.next()
		word, rest, _ := strings.Cut(text, " ")
		require.Equal(t, "keep", word)
		require.Len(t, inodes, len(strings.Fields(rest)))
		require.LessOrEqual(t, len(inodes), anchor.MaxRights)
		got = append(got, strings.Fields(rest)...)
	}
	assert.Equal(t, names, got)
}

// An anchor that does not read delays nobody for long, and knows all in the end.
func TestSlowAnchorCatchesUp(t *testing.T) {
	a := newFakeAnchor(t)
	fd := memfd(t)
	last := map[string]bool{}
	put := 0
	for len(a.behind()) < 20 {
		name := fmt.Sprint("n", put%500)
		require.NoError(t, a.d.Put(name, fd))
		last[name] = true
		if put%3 == 0 {
			require.NoError(t, a.d.Remove(name))
			delete(last, name)
		}
		put++
	}
	has := map[string]bool{}
	for {
		done := len(a.behind()) == 0 // before the message: what comes after it is none of ours
		buf, oob := make([]byte, anchor.MaxMessage), make([]byte, unix.CmsgSpace(4*anchor.MaxRights))
		n, on, _, _, err := unix.Recvmsg(a.fd, buf, oob, 0)
		if err == unix.EAGAIN && done {
			break
		}
		if err != nil {
			continue
		}
		if messages, err := unix.ParseSocketControlMessage(oob[:on]); err == nil && len(messages) > 0 {
			fds, _ := unix.ParseUnixRights(&messages[0])
			for _, fd := range fds {
				unix.Close(fd)
			}
		}
		word, name, _ := strings.Cut(string(buf[:n]), " ")
		if word == "keep" {
			has[name] = true
		} else {
			delete(has, name)
		}
	}
	assert.Equal(t, last, has)
}

func (a *fakeAnchor) behind() map[string]struct{} {
	a.d.mu.Lock()
	defer a.d.mu.Unlock()
	out := map[string]struct{}{}
	for name := range a.d.behind {
		out[name] = struct{}{}
	}
	return out
}

// What a successor does not claim is dropped on its word.
func TestWhatIsNotClaimedIsDropped(t *testing.T) {
	a := newFakeAnchor(t)
	a.d.left = map[string]int{"a": memfd(t), "b": memfd(t)}
	left := a.d.Fetch()
	assert.Len(t, left, 2)
	assert.Empty(t, a.d.Fetch(), "once")
	fds, ids := a.d.all()
	assert.Len(t, fds, 2)
	for name, fd := range fds {
		is, err := identify(fd)
		require.NoError(t, err)
		assert.Equal(t, anchor.ID{Dev: is.dev, Ino: is.ino}, ids[name])
	}
	require.NoError(t, a.d.Put("c", memfd(t)))
	a.next()
	require.NoError(t, a.d.Retain(func(name string) bool { return name != "b" }))
	text, _ := a.next()
	assert.Equal(t, "drop b", text)
}

// Without an anchor, or with one that has died, what is kept is still known here.
func TestDescriptorsWithoutAnAnchor(t *testing.T) {
	l := &link{lost: make(chan struct{})}
	l.store = &descriptors{link: l}
	require.NoError(t, l.store.Put("a", memfd(t)))
	require.NoError(t, l.store.Put("b", memfd(t)))
	require.NoError(t, l.store.Remove("a"))
	assert.Len(t, l.store.kept, 1)
}

func BenchmarkPutAndRemove(b *testing.B) {
	a := newFakeAnchor(b)
	fds := []int{memfd(b), memfd(b), memfd(b), memfd(b)}
	names := []string{"log/1/1/out", "log/1/1/err", "logfile/1/1/out", "logfile/1/1/err"}
	require.NoError(b, unix.SetNonblock(a.fd, false))
	go func() { // ends with the socket
		buf, oob := make([]byte, anchor.MaxMessage), make([]byte, unix.CmsgSpace(4*anchor.MaxRights))
		for {
			n, on, _, _, err := unix.Recvmsg(a.fd, buf, oob, 0)
			if err != nil || on == 0 {
				if err != nil || n == 0 {
					return
				}
				continue
			}
			messages, _ := unix.ParseSocketControlMessage(oob[:on])
			got, _ := unix.ParseUnixRights(&messages[0])
			for _, fd := range got {
				unix.Close(fd)
			}
		}
	}()
	for b.Loop() {
		if err := a.d.PutAll(names, fds); err != nil {
			b.Fatal(err)
		}
		if err := a.d.Remove(names...); err != nil {
			b.Fatal(err)
		}
	}
}
