package logs

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"weaver/logs/ledger"
)

// openLedgerNamed opens a ledger as a supervisor whose anchor keeps nothing. When that dies nobody holds the ledger's file any more.
func openLedgerNamed(t *testing.T, name string) (l *Ledger, dies func()) {
	t.Helper()
	memory := -1
	keep := func(name string, fd int) error {
		if name == ledger.MemoryName {
			memory = fd
		}
		return nil
	}
	l, err := OpenLedger(func(string) (int, bool) { return 0, false }, keep, name)
	require.NoError(t, err)
	return l, func() { require.NoError(t, unix.Flock(memory, unix.LOCK_UN)) }
}

// What was lost by a supervisor that died before the disk had room again is told by the next one, and once.
func TestTheNextSupervisorTellsWhatWasLost(t *testing.T) {
	name := fmt.Sprintf("weaver-gap-%d", os.Getpid())
	t.Cleanup(func() { RemoveLedger(name) })
	clock, d := newClock(), &disk{room: 3, err: syscall.ENOSPC}
	path := filepath.Join(t.TempDir(), "a.log")
	memory, dies := openLedgerNamed(t, name)
	first := newEngine(t, Options{openFile: d.openFile, Now: clock.now, Ledger: memory})
	p, child := open(t, first, PipeOptions{Dests: dest(path)})
	write(t, child, "one\n") // one byte too many
	flush(t, p)
	write(t, child, "two\nthr")
	flush(t, p)
	require.Equal(t, "one", content(t, path))

	// It dies here. The pipe is another one, which makes no difference to files.
	dies()
	memory, dies = openLedgerNamed(t, name)
	second := newEngine(t, Options{Now: clock.now, Ledger: memory})
	q, child := open(t, second, PipeOptions{Dests: dest(path)})
	p.Discard()
	clock.pass(retryEvery)
	_, err := child.WriteString("ee\nfour\n")
	require.NoError(t, err)
	flush(t, q)
	eventually(t, "it is told", func() bool {
		return content(t, path) == "one\n[weaver] 11 bytes of output were lost: no space left on device\nfour\n"
	})
	dies()
	memory, _ = openLedgerNamed(t, name)
	third := newEngine(t, Options{Now: clock.now, Ledger: memory})
	_, _ = open(t, third, PipeOptions{Dests: dest(path)})
	require.Nil(t, third.ledger.gap(path, false), "it is told once")
}

// Who was killed with its anchor lets go of the ledger a little later than of the home: the next supervisor goes on with it all the same.
func TestALedgerIsTakenFromWhoIsDying(t *testing.T) {
	name := fmt.Sprintf("weaver-dying-%d", os.Getpid())
	t.Cleanup(func() { RemoveLedger(name) })
	first, dies := openLedgerNamed(t, name)
	require.NotNil(t, first.gap("/a.log", true))
	time.AfterFunc(20*time.Millisecond, dies)
	second, _ := openLedgerNamed(t, name)
	require.NotNil(t, second.gap("/a.log", false), "what the first has noted is known")
}

// A service runs without a log that the disk refuses to make, which tells what is missing once it can be made.
func TestALogThatCannotBeMade(t *testing.T) {
	both(t, func(t *testing.T, o Options) {
		clock, h, d := newClock(), &heard{}, &disk{room: -1}
		o.Now, o.OnError, o.openFile = clock.now, h.hear, d.openFile
		e := newEngine(t, o)
		path := filepath.Join(t.TempDir(), "a.log")
		d.refuseNew(syscall.EROFS)
		p, child := open(t, e, PipeOptions{Dests: dest(path)})
		q, other := open(t, e, PipeOptions{Dests: dest(path)})
		write(t, child, "lost\n")
		flush(t, p)
		write(t, other, "too\n")
		flush(t, q)
		require.NoFileExists(t, path)
		require.NotEmpty(t, h.list())
		d.refuseNew(nil)
		clock.pass(retryEvery)
		eventually(t, "it is made by itself", func() bool {
			text, _ := os.ReadFile(path) // not yet
			return string(text) == "[weaver] 9 bytes of output were lost: open log "+path+": read-only file system\n"
		})
		write(t, child, "here\n")
		flush(t, p)
		write(t, other, "there\n")
		flush(t, q)
		require.Contains(t, content(t, path), "\nhere\nthere\n")
	})
}
