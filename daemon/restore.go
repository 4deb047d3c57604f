package daemon

import (
	"context"
	"fmt"
	"os"

	"go.uber.org/zap"

	"weaver/app"
	"weaver/daemon/anchor"
	"weaver/pm2"
	"weaver/supervisor"
	"weaver/supervisor/spawn"
)

// leftoverTime is how long processes of a dead supervisor have to end when asked, before they are killed.
const leftoverTime = supervisor.DefaultKillTimeout

// restore starts what a former supervisor of this home had: nothing is lost by its death. What still runs of it is ended
// first, so that nothing is doubled.
func (d *daemon) restore(ctx context.Context) error {
	st, from, err := d.store.load()
	if err != nil {
		d.log.Error("the list of processes", zap.Error(err), zap.String("used", from))
	}
	if n, err := spawn.EndLeftovers(ctx, Identity(d.home), Marker, leftoverTime, d.isOurs); err != nil {
		return fmt.Errorf("end the processes that a dead supervisor left: %w", err)
	} else if n > 0 {
		d.log.Warn("ended processes that a dead supervisor left", zap.Int("count", n))
	}
	if len(st.Records) == 0 {
		return nil
	}
	saved := make([]supervisor.Saved, len(st.Records))
	specs := make([]*app.Spec, len(st.Specs))
	for i := range st.Specs {
		specs[i] = &st.Specs[i]
	}
	for i, r := range st.Records {
		if r.Up {
			r.Restarts++ // it is started again, whoever's fault that is
		}
		spec := specs[r.Spec]
		saved[i] = supervisor.Saved{Up: r.Up, Process: app.Process{
			ID: r.ID, Name: spec.Name, Namespace: spec.NamespaceOrDefault(), Instance: r.Instance, Mode: spec.Mode, Spec: spec,
			User: spec.Username, Version: spec.Version, Created: r.Created, Restarts: r.Restarts, UniqueID: r.UniqueID,
			OutPath: r.OutPath, ErrorPath: r.ErrPath, LogPath: r.LogPath, PIDPath: r.PIDPath,
		}}
	}
	d.log.Info("restoring processes", zap.Int("count", len(saved)), zap.Time("written", st.Written), zap.String("from", from))
	return d.sup.Restore(saved)
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

// isOurs names the processes of weaver itself, which may have been started from within a service.
func (d *daemon) isOurs(pid int) bool { return pid == os.Getpid() || pid == os.Getppid() }

// orphanDied takes note of the death of a process that was left to the anchor. What was a service's is seen by whoever
// looks after that one's tree; nobody else waits for it.
func (d *daemon) orphanDied(o anchor.Orphan) {
	d.log.Debug("orphan died", zap.Int("pid", o.PID), zap.Uint32("status", o.Status))
}

func (d *daemon) orphansMissed(n int) {
	d.log.Warn("orphans died and were not told of", zap.Int("count", n))
}
