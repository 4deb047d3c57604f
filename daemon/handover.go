package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.uber.org/zap"

	"weaver/daemon/anchor"
	"weaver/supervisor/spawn"
)

// How long requests under way have to be answered before this process gives way to another.
const (
	// leaveTime is that before an update, which can wait: new requests wait at the socket, which stays open.
	leaveTime = 15 * time.Second
	// becomeTime is that when the anchor has died. Meanwhile nobody would look after the services if we died too.
	becomeTime = 300 * time.Millisecond
)

// errLeave says that this process is to make room for a successor.
var errLeave = errors.New("a successor is to take over")

// giveWay answers what is under way. What services do, and how they are watched, goes on until the very end: that is as
// sudden as a crash, which the journal and the store make good.
func (d *daemon) giveWay(server *http.Server, door *hotDoor, patience time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	d.lender.end(ctx) // while the door is still open to it
	if err := server.Shutdown(ctx); err != nil {
		d.log.Warn("requests are cut off", zap.Error(err))
	}
	door.end(ctx)
}

// leave makes room for a successor, to whom the services are left. It does not return.
func (d *daemon) leave(server *http.Server, door *hotDoor) {
	d.giveWay(server, door, leaveTime)
	d.log.Info("leaving the services to a successor", zap.Duration("uptime", time.Since(d.started)))
	d.log.Sync()
	if err := d.link.tell(anchor.MessageLeave); err != nil {
		d.log.Error("leave", zap.Error(err)) // then it takes us for dead, which is as good
	}
	os.Exit(0)
}

// becomeAnchor takes the place of the anchor, which has died: in this process, which is the parent of the services and has all
// that the anchor held. It starts a new supervisor. It returns only if that cannot be.
func (d *daemon) becomeAnchor() error {
	if err := becomeSubreaper(); err != nil {
		return err
	}
	d.log.Warn("the anchor is gone: taking its place")
	for end := time.Now().Add(becomeTime); d.active.Load() > 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	d.log.Sync()
	l := anchor.NewListing()
	l.Lock = d.link.store.lock
	l.Restarts, l.Last = d.link.hello.Restarts+1, "its anchor died, and it took the place of that"
	fd, err := d.anchorExecutable()
	if err != nil {
		return err
	}
	// The supervisor below must find the limits that services are to get.
	if err := spawn.RestoreNoFile(); err != nil {
		d.log.Error("restore the limit of open files", zap.Error(err))
	}
	l.FDs, l.IDs = d.link.store.all() // as late as can be: keepers go on opening and closing
	if fd := d.link.store.exe; fd > 0 {
		l.FDs[anchor.ExeName] = fd
	}
	err = execAnchor(&l, fd, d.home.Dir, executable())
	d.raiseNoFile() // it goes on as it was
	return err
}

// anchorExecutable is the one that the anchor ran; where that is not known, the one on disk.
func (d *daemon) anchorExecutable() (int, error) {
	if fd := d.link.store.anchorExe; fd > 0 {
		return fd, nil
	}
	f, err := os.Open(d.opts.Trampoline)
	if err != nil {
		return -1, fmt.Errorf("find the anchor: %w", err)
	}
	return int(f.Fd()), nil // until exec
}

// executable is where weaverd is, also if it was replaced meanwhile.
func executable() string {
	path, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	path = strings.TrimSuffix(path, " (deleted)")
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	return path
}

// mendDoor makes sockets anew whose files were removed.
func (d *daemon) mendDoor(door *hotDoor) {
	d.wire.Load().mend()
	door.onlyNewest() // who came the old way a second ago has been answered
	if !d.socket.lost() {
		return
	}
	if _, err := d.socket.mend(); err != nil {
		d.log.Error("the API's socket is lost", zap.Error(err))
		return
	}
	d.log.Warn("the API's socket was removed: made anew", zap.String("path", d.socket.path))
	d.shareAgain()
	l := d.listener()
	door.also(l)
	go d.accept(door, l) // ends when the door is closed
}
