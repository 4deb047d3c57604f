package anchor

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/logs/ledger"
)

// poured is a pourer with one pipe, which leads to a file.
type poured struct {
	*pourer
	t    *testing.T
	path string
	w    *os.File
	mine *ledger.Memory // as a supervisor sees it
	page ledger.Page
	ino  uint64
}

func newPoured(t *testing.T, plain bool, path string) *poured {
	memory := func(size int) int {
		fd, err := memoryFile("test")
		require.NoError(t, err)
		require.NoError(t, syscall.Ftruncate(fd, int64(size)))
		return fd
	}
	pipe := func() (r, w int) {
		var ends [2]int
		require.NoError(t, syscall.Pipe2(ends[:], syscall.O_CLOEXEC|syscall.O_NONBLOCK))
		return ends[0], ends[1]
	}
	both := func() int {
		r, w := pipe()
		defer syscall.Close(r)
		defer syscall.Close(w)
		fd, err := syscall.Open("/proc/self/fd/"+strconv.Itoa(r), syscall.O_RDWR|syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
		require.NoError(t, err)
		return fd
	}
	r, w := pipe()
	st := store{fds: map[string]int{
		ledger.MemoryName: memory(ledger.Size), ledger.SpentName + "0": both(), ledger.SpentName + "1": both(), "log/1/1/out": r, "log/2/1/out": both(),
	}}
	routes := ledger.Route{Inode: inodeOf(r), Plain: plain, Files: []string{path}}.Append(nil)
	st.fds[ledger.RoutesName] = memory(0)
	_, err := syscall.Write(st.fds[ledger.RoutesName], append(routes, 99)) // the last record is not whole
	require.NoError(t, err)
	p := newPourer(&st)
	require.NotNil(t, p)
	require.Len(t, p.sources, 1, "what leads nobody knows where is left alone")
	mine, err := ledger.Map(st.fds[ledger.MemoryName])
	require.NoError(t, err)
	o := &poured{pourer: p, t: t, path: path, w: os.NewFile(uintptr(w), "pipe"), mine: mine, page: mine.Page(0, st.fds[ledger.SpentName+"0"]), ino: inodeOf(r)}
	t.Cleanup(func() {
		o.w.Close()
		p.close()
		mine.Close()
		for _, fd := range st.fds {
			syscall.Close(fd)
		}
	})
	return o
}

func (o *poured) write(text string) {
	_, err := o.w.WriteString(text)
	require.NoError(o.t, err)
}

func (o *poured) content() string {
	text, err := os.ReadFile(o.path)
	if !os.IsNotExist(err) {
		require.NoError(o.t, err)
	}
	return string(text)
}

func TestTheAnchorCarriesWholeLines(t *testing.T) {
	o := newPoured(t, true, filepath.Join(t.TempDir(), "a.log"))
	o.write("one\ntwo\nthr")
	o.round(time.Now())
	assert.Equal(t, "one\ntwo\n", o.content())
	o.write("ee\n")
	o.round(time.Now())
	assert.Equal(t, "one\ntwo\nthree\n", o.content())
	long := strings.Repeat("x", 60<<10) // nobody is to stand still for want of a newline
	o.write(long)
	o.round(time.Now())
	assert.Equal(t, "one\ntwo\nthree\n"+long, o.content())
	assert.Equal(t, 0, o.mine.Owner(), "and lets go of the pipes")
}

func TestTheAnchorLeavesPipesToTheirOwner(t *testing.T) {
	o := newPoured(t, true, filepath.Join(t.TempDir(), "a.log"))
	o.write("one\n")
	require.True(t, o.mine.Own(4711))
	o.lives(4711, true)
	o.round(time.Now())
	assert.Empty(t, o.content(), "the supervisor that starts has them")
	o.lives(0, true)
	o.round(time.Now())
	assert.Equal(t, "one\n", o.content(), "it is dead")
	o.write("two\n")
	o.starts()
	o.round(time.Now())
	o.lives(4712, false)
	o.round(time.Now())
	assert.Equal(t, "one\n", o.content(), "one that may not know of owners is left in peace")
	o.lives(4713, true)
	o.round(time.Now())
	assert.Equal(t, "one\ntwo\n", o.content(), "one that does has not taken them yet")
}

// What a supervisor had begun with a pipe is finished, however far it was.
func TestTheAnchorFinishesWhatWasBegun(t *testing.T) {
	const text = "one\ntwo\nthree\n"
	for _, plain := range []bool{true, false} {
		for wrote := -1; wrote <= len(text); wrote++ { // -1: it had not begun to
			o := newPoured(t, plain, filepath.Join(t.TempDir(), "a.log"))
			o.write(text)
			o.page.Begin(o.ino, len(text), len(text), time.Now(), false, func(enter func(int) ledger.Entry) { enter(0) })
			if wrote >= 0 {
				f, err := os.OpenFile(o.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
				require.NoError(t, err)
				o.page.Entry(0).Writing(devOf(int(f.Fd())), inodeOf(int(f.Fd())), 0, len(text))
				_, err = f.WriteString(text[:wrote])
				require.NoError(t, err)
				if wrote == len(text) {
					o.page.Entry(0).Wrote(wrote)
				}
				f.Close()
			}
			o.write("four\n")
			o.round(time.Now())
			switch {
			case plain, wrote == len(text), wrote < 0:
				assert.Equal(t, text+"four\n", o.content(), "plain %v, wrote %d", plain, wrote)
			default: // what it would have written nobody knows
				assert.Equal(t, text[:wrote], o.content(), "wrote %d", wrote)
			}
		}
	}
}

// What cannot be written is counted, and told in the file as soon as that has room.
func TestTheAnchorTellsWhatIsLost(t *testing.T) {
	dir := t.TempDir()
	o := newPoured(t, true, filepath.Join(dir, "logs", "a.log"))
	o.write("one\n")
	now := time.Now()
	o.round(now)
	o.write("two\n")
	o.round(now)
	n, cause, torn := o.mine.Gap(o.path, false).Lost()
	assert.Equal(t, "8 no such file or directory false", strings.Join([]string{strconv.FormatInt(n, 10), cause.Error(), strconv.FormatBool(torn)}, " "))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "logs"), 0o700))
	o.write("three\n")
	o.round(now.Add(pourRetry))
	assert.Equal(t, "[weaver] 8 bytes of output were lost: no such file or directory\nthree\n", o.content())
	assert.Nil(t, o.mine.Gap(o.path, false), "it is told once")

	require.NoError(t, os.Remove(o.path))
	require.NoError(t, os.Symlink(filepath.Join(dir, "elsewhere"), o.path))
	o.write("four\n")
	o.round(now.Add(2 * pourRetry))
	assert.NoFileExists(t, filepath.Join(dir, "elsewhere"), "nobody has the anchor write for him")
}

// What leads to a FIFO, a terminal or a link waits for a supervisor, who has these.
func TestTheAnchorLosesNothingThatIsNotForFiles(t *testing.T) {
	dir := t.TempDir()
	fifo, link, file := filepath.Join(dir, "fifo"), filepath.Join(dir, "link"), filepath.Join(dir, "file")
	require.NoError(t, syscall.Mkfifo(fifo, 0o600))
	require.NoError(t, os.Symlink("/proc/self/fd/1", link))
	r, err := os.OpenFile(fifo, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	require.NoError(t, err)
	defer r.Close()
	for _, path := range []string{fifo, link} {
		o := newPoured(t, true, path)
		o.write("one\n")
		o.round(time.Now())
		assert.Nil(t, o.mine.Gap(path, false), "nothing is lost")
		assert.Equal(t, "one\n", string(o.buf[:o.peek(o.sources[0].fd)]), "it waits")
		o.sources[0].route.Files = []string{file}
		o.round(time.Now())
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Equal(t, "one\n", string(text))
		require.NoError(t, os.Remove(file))
	}
}

// The pipe of somebody who printed a lot is larger than what a look at it shows.
func TestTheAnchorCarriesLongLinesFromLargePipes(t *testing.T) {
	o := newPoured(t, true, filepath.Join(t.TempDir(), "a.log"))
	const setPipeSize = 1031
	_, _, e := syscall.Syscall(syscall.SYS_FCNTL, o.w.Fd(), setPipeSize, 512<<10)
	require.Zero(t, e)
	o.sources[0].room = pipeRoom(o.sources[0].fd)
	require.Greater(t, o.sources[0].room, 4*len(o.buf))
	long := strings.Repeat("x", len(o.buf))
	o.write(long)
	o.round(time.Now())
	assert.Equal(t, long, o.content())
}

// A supervisor that has waited too long for a disk takes the pipes. What the anchor was at is the supervisor's to finish then.
func TestTheAnchorTakesNothingOutOfPipesThatAreOthers(t *testing.T) {
	o := newPoured(t, true, filepath.Join(t.TempDir(), "a.log"))
	o.write("one\n")
	require.True(t, o.own())
	require.True(t, o.owns())
	o.starts()
	assert.False(t, o.owns(), "one that starts may not know of owners")
	o.lives(4711, true)
	o.mine.Disown(os.Getpid())
	require.True(t, o.mine.Own(4711))
	page := &o.pages[o.free()]
	page.Begin(o.ino, 4, 4, time.Now(), false, func(enter func(int) ledger.Entry) { enter(0) })
	o.finish(page, &o.sources[0], []byte("one\n"), time.Now())
	assert.Equal(t, "one\n", string(o.buf[:o.peek(o.sources[0].fd)]))
	assert.EqualValues(t, ledger.Writing, page.State())
	assert.True(t, page.Entry(0).Complete(4), "which says that it is written")
	assert.NotEmpty(t, o.files)
	o.letGo()
	assert.Empty(t, o.files)
}

// A write that hangs while a supervisor takes the pipes is told of when it is over, and what comes after it is that one's.
func TestAWriteThatHangsIsTheSupervisorsToFinish(t *testing.T) {
	for _, wrote := range []int{0, 3, 8} {
		o := newPoured(t, true, filepath.Join(t.TempDir(), "a.log"))
		hangs, goOn := make(chan struct{}), make(chan struct{})
		o.pourer.write = func(fd int, b []byte) (int, error) {
			close(hangs)
			<-goOn
			if wrote == 0 {
				return 0, syscall.ENOSPC
			}
			return syscall.Write(fd, b[:wrote])
		}
		o.write("one\ntwo\n")
		over := make(chan struct{})
		go func() {
			o.round(time.Now())
			close(over)
		}()
		<-hangs
		claim, _ := o.mine.Claimed() // this process's own, which counts for others
		require.True(t, o.mine.Claims(claim))
		assert.Equal(t, o.ino, claim.Pipe)
		assert.True(t, claim.Uses(0) && !claim.Uses(1))
		o.lives(4711, true)
		o.mine.Disown(os.Getpid())
		require.True(t, o.mine.Own(4711))
		close(goOn)
		<-over
		assert.False(t, o.mine.Claims(claim), "it is given up")
		assert.Equal(t, "one\ntwo\n"[:wrote], o.content())
		assert.EqualValues(t, ledger.Writing, o.page.State())
		assert.Equal(t, wrote == 8, o.page.Entry(0).Complete(8))
		assert.Equal(t, wrote > 0, o.page.Entry(0).Complete(wrote) && o.page.Entry(0).Begun() && wrote > 0)
		assert.Nil(t, o.mine.Gap(o.path, false), "nothing is lost")
		assert.Equal(t, "one\ntwo\n", string(o.buf[:o.peek(o.sources[0].fd)]), "it is still in its pipe")
		assert.Equal(t, 4711, o.mine.Owner())
	}
}

func devOf(fd int) uint64 {
	var st syscall.Stat_t
	if syscall.Fstat(fd, &st) != nil {
		return 0
	}
	return uint64(st.Dev)
}
