package daemon

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"go.uber.org/zap"

	"weaver/app"
	"weaver/config/home"
	"weaver/daemon/anchor"
	"weaver/logs"
	"weaver/pm2"
	"weaver/supervisor"
	"weaver/supervisor/journal"
	"weaver/supervisor/spawn"
)

// leftoverTime is how long processes of a dead supervisor have to end when asked, before they are killed.
const leftoverTime = supervisor.DefaultKillTimeout

// openLedger opens the note of log output under way, which is of use to nobody unless somebody keeps it.
func (d *daemon) openLedger() (*logs.Ledger, error) {
	if !d.link.present() {
		return nil, nil
	}
	return logs.OpenLedger(func(name string) (int, bool) {
		fd, ok := d.left[name]
		delete(d.left, name)
		return fd, ok
	}, d.link.store.Put, d.ledgerName())
}

const ledgerPrefix = "weaver-"

// ledgerName is that of the ledger's file in memory, for when the anchor dies together with the supervisor.
func (d *daemon) ledgerName() string { return ledgerPrefix + d.identity }

// openJournal opens what the former supervisor left on disk.
func (d *daemon) openJournal() (err error) {
	dir := d.home.Journal()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		d.log.Error("make the directory of the journal", zap.Error(err)) // it goes on in memory
	}
	memory := memoryOf(d.link.store, d.left)
	d.journal, d.found, err = journal.Open(journal.Options{
		Files: journal.Dir(dir), Memory: memory, Life: supervisor.JournalLife, SkipTail: d.link.hello.SkipTail,
		Report: func(err error) {
			if err != nil {
				d.log.Error("state is not durable", zap.Error(err))
			} else {
				d.log.Info("state is durable again")
			}
		},
	})
	if err != nil {
		return fmt.Errorf("open %s: %w", dir, err)
	}
	switch {
	case d.found.Skipped > 0:
		d.skipped = fmt.Sprintf("started without the last %d records of the state, with which several supervisors died; all of it is in %s",
			d.found.Skipped, filepath.Join(dir, journal.SkippedName))
		fmt.Fprintln(os.Stderr, "weaver: supervisor:", d.skipped) // the anchor's log
		d.log.Error(d.skipped)
	case d.link.hello.SkipTail:
		d.log.Error("several supervisors died at their start, and nothing more of the state is left out")
	case d.found.Torn > 0:
		d.log.Warn("the end of the journal was not whole and is left out", zap.Int64("bytes", d.found.Torn), zap.String("kept", d.found.Kept))
	}
	return nil
}

// restore goes on with what a former supervisor of this home had: nothing is lost by its death, or doubled.
func (d *daemon) restore(ctx context.Context, background *sync.WaitGroup) error {
	values := d.found.Values
	d.found.Values = nil
	if d.found.New { // nobody is known, so nobody can be taken over
		if err := d.endLeftovers(ctx); err != nil {
			return err
		}
	}
	r, err := d.sup.Resume(values, d.left)
	if err != nil {
		return fmt.Errorf("take over what a dead supervisor left: %w", err)
	}
	for _, problem := range r.Problems {
		d.log.Error("the journal", zap.Error(problem))
	}
	if r.Processes > 0 {
		d.log.Info("restored processes", zap.Int("count", r.Processes), zap.Int("adopted", r.Adopted), zap.Bool("same boot", r.Again))
	}
	if d.found.New {
		background.Go(d.clearMemory)
		return d.importOldState()
	}
	background.Go(func() {
		defer d.clearMemory()
		if err := d.endLeftovers(ctx); err != nil && ctx.Err() == nil {
			d.log.Error("leftovers", zap.Error(err))
		}
	})
	return nil
}

// endLeftovers ends what carries this home's marker and nobody looks after.
func (d *daemon) endLeftovers(ctx context.Context) error {
	n, err := spawn.EndLeftovers(ctx, d.identity, Marker, leftoverTime, func(pid int, tag string) bool {
		return d.isOurs(pid) || d.sup.Holds(tag)
	})
	if err != nil {
		return fmt.Errorf("end the processes that a dead supervisor left: %w", err)
	}
	if n > 0 {
		d.log.Warn("ended processes that a dead supervisor left", zap.Int("count", n))
	}
	return nil
}

// clearMemory removes the files in memory of homes that nobody will come back to: whose supervisor and anchor are dead, and none of
// whose services runs.
func (d *daemon) clearMemory() {
	gone := logs.ClearLedgers(ledgerPrefix, func(identity string) bool {
		if len(identity) != len(d.identity) || identity == d.identity || strings.ContainsAny(identity, "./") {
			return false
		}
		living, err := spawn.Living(identity, Marker)
		return err == nil && living == 0
	})
	if len(gone) > 0 {
		d.log.Info("removed what dead supervisors left in memory", zap.Strings("identities", gone))
	}
}

// Living counts the processes of a home's services, for somebody who finds no supervisor there. Services outlive one that dies
// together with its anchor.
func Living(h home.Home) (int, error) { return spawn.Living(Identity(h), Marker) }

// importOldState takes over the list that a weaver without a journal kept.
func (d *daemon) importOldState() error {
	file := oldFiles(d.home)
	list, from, err := readOldState(file)
	if err != nil {
		d.log.Error("the list of processes", zap.Error(err), zap.String("used", from))
	}
	if from == "" {
		return nil
	}
	d.log.Info("taking over the list of processes", zap.Int("count", len(list)), zap.String("from", from))
	if err := d.sup.Restore(list); err != nil {
		return err
	}
	if err := d.journal.Sync(); err != nil {
		return nil // the list stays: it is the only one that a power cut spares
	}
	if err := removeOldState(file); err != nil {
		d.log.Error("remove the list that is in the journal now", zap.Error(err))
	}
	return nil
}

// saved turns the records of a dump into what the supervisor resurrects.
func saved(records []pm2.Record) []supervisor.Saved {
	out := make([]supervisor.Saved, len(records))
	for i := range records {
		r := &records[i]
		out[i] = supervisor.Saved{Process: app.Process{Spec: &r.Spec, Name: r.Spec.Name}, Up: r.Status != app.Stopped}
	}
	return out
}

// homeVar is how an anchor tells its supervisors where they are.
const homeVar = "WEAVER_HOME"

// isKin says whether a process is a supervisor of this home, or a copy of one that has not executed a service's program yet.
func (d *daemon) isKin(pid int) bool {
	dir := "/proc/" + strconv.Itoa(pid)
	line, err := os.ReadFile(dir + "/cmdline")
	if program, rest, _ := bytes.Cut(line, []byte{0}); err != nil || string(program) != "weaverd" || !bytes.HasPrefix(rest, []byte("supervise\x00")) {
		return false
	}
	env, err := os.ReadFile(dir + "/environ")
	return err == nil && bytes.Contains(append([]byte{0}, env...), []byte("\x00"+homeVar+"="+os.Getenv(homeVar)+"\x00"))
}

// isOurs names the processes of weaver itself, which may have been started from within a service.
func (d *daemon) isOurs(pid int) bool { return pid == os.Getpid() || pid == os.Getppid() }

// orphanDied takes note of the death of a process that was left to the anchor: of a service that was adopted. What else was
// a service's is seen by whoever looks after that one's tree; nobody else waits for it.
func (d *daemon) orphanDied(o anchor.Orphan) {
	if d.spawner.Reaped(o.PID, o.Start, o.Status) {
		return
	}
	d.log.Debug("orphan died", zap.Int("pid", o.PID), zap.Uint32("status", o.Status))
}

func (d *daemon) orphansMissed(n int) {
	d.log.Warn("orphans died and were not told of", zap.Int("count", n))
}
