//go:build unix

package daemon

import (
	"errors"
	"io/fs"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"weaver/config"
	"weaver/daemon/anchor"
)

// removed is what the daemon knows of the removal of its home.
type removed struct {
	looks int  // in a row at which the lock was not there
	held  int  // of them at which another anchor held one in its place
	taken bool // the home is another supervisor's
	busy  atomic.Bool
}

// Somebody may remove the home, or the lock in it, while services run: people do that with directories whose name begins with a
// dot. All that counts is in memory and goes on, but nobody could reach it any more, and the next command would start another
// supervisor. So it is looked at each second, and made anew.
const (
	removedLooks = 2  // before something is done: it may be in the middle of being removed
	takenLooks   = 10 // before another's lock is believed
)

// homeless sees to the home. It returns true when this daemon is to end: nobody needs it, or another has taken its place.
func (d *daemon) homeless() bool {
	r, lock := &d.removed, d.link.store.lock
	if lock <= 0 || !anchor.Removed(lock, d.home.DaemonLock()) {
		r.looks, r.held = 0, 0
		d.mendState()
		return false
	}
	if r.looks++; r.looks < removedLooks {
		return false
	}
	if _, err := os.Lstat(d.home.Dir); errors.Is(err, fs.ErrNotExist) && d.sup.Count() == 0 {
		d.log.Warn("the home was removed, and there is nothing to look after")
		return true
	}
	if err := d.makeHome(); err != nil {
		d.log.Error("the home was removed", zap.Error(err))
		return false
	}
	fd, held, by, err := anchor.Relock(d.home.DaemonLock())
	switch {
	case err != nil:
		d.log.Error("take the lock that was removed", zap.Error(err))
		return false
	case held:
		switch by {
		case os.Getpid(), d.link.pid(): // it is ours: a file system that does not tell one file from another
			r.looks, r.held = 0, 0
			return false
		case 0:
			r.held = 0
		default:
			r.held++
		}
		if r.held < takenLooks {
			return false
		}
		d.log.Error("the home was removed, and another supervisor has taken it: ending all that was started here")
		r.taken = true
		return true
	}
	d.relocked(fd)
	r.looks, r.held = 0, 0
	return false
}

// relocked goes on with a new lock, for the anchor too, and makes all anew that was in the home.
func (d *daemon) relocked(fd int) {
	old := d.link.store.lock
	d.link.store.lock = fd
	syscall.Close(old)
	if err := sendRights(d.link.file, anchor.MessageLock, []int{fd}, tellPatience); err != nil {
		d.log.Error("hand the new lock to the anchor", zap.Error(err)) // if we die, the next one takes it again
	}
	d.log.Error("the home was removed, or its lock: made anew", zap.String("home", d.home.Dir))
	d.reopenLog()
	d.reopenOutput()
	d.audit.close()
	d.past.close()
	if err := d.logs.Reopen(); err != nil {
		d.log.Error("reopen the logs", zap.Error(err))
	}
	d.sup.WritePIDFiles()
	if err := writePIDFile(d.home.PIDFile()); err != nil {
		d.log.Warn("pid file", zap.Error(err))
	}
	if s := d.settings.Load(); len(s.Given()) > 0 {
		if _, err := os.Lstat(d.home.Settings()); errors.Is(err, fs.ErrNotExist) {
			if err := config.SaveSettings(d.home, *s); err != nil {
				d.log.Error("save the settings again", zap.Error(err))
			}
		}
	}
	d.mendState()
}

// makeHome makes the directories of the home, as at the start.
func (d *daemon) makeHome() error {
	if err := makeDirectories(d.home); err != nil {
		return err
	}
	return os.MkdirAll(d.home.Journal(), 0o700) // which may be missing alone
}

// mendState writes the journal again if its file was removed: on a goroutine of its own, since it waits for the disk.
func (d *daemon) mendState() {
	busy := &d.removed.busy
	if busy.Load() || !d.journal.Removed() {
		return
	}
	busy.Store(true)
	go func() { // ends when the disk has answered
		defer busy.Store(false)
		began := time.Now()
		err := d.makeHome()
		if err == nil {
			err = d.journal.Rewrite()
		}
		if err != nil {
			d.log.Error("the journal was removed", zap.Error(err))
			return
		}
		d.log.Error("the journal was removed: written again", zap.Duration("took", time.Since(began)))
	}()
}

// reopenOutput has what a crash prints go to the new file of the anchor's log.
func (d *daemon) reopenOutput() {
	var st unix.Stat_t
	if unix.Fstat(2, &st) != nil || st.Nlink > 0 { // it is somewhere else
		return
	}
	fd, err := unix.Open(d.home.AnchorLog(), unix.O_WRONLY|unix.O_APPEND|unix.O_CREAT|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	for _, n := range []int{1, 2} {
		_ = dupTo(fd, n)
	}
}
