package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.uber.org/zap"

	"weaver/app"
	"weaver/daemon/anchor"
	"weaver/logs"
	"weaver/supervisor"
)

// wait returns when the daemon is to end: somebody called kill, sent a signal, or the door broke.
func (d *daemon) wait(ctx context.Context, door *hotDoor) error {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT)
	notifyReload(signals)
	defer signal.Stop(signals)
	lost := d.link.lost
	if !d.link.present() {
		lost = nil
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-d.stopping:
			return nil
		case <-ctx.Done():
			return nil
		case err := <-d.served:
			return fmt.Errorf("serve %s: %w", d.home.Socket(), err)
		case <-lost:
			lost = nil
			if d.isStopping() { // there is nothing to look after any more
				return nil
			}
			err := d.becomeAnchor()
			d.log.Error("the anchor is gone: supervision goes on, but nobody restarts the supervisor if it dies", zap.Error(err))
		case <-d.leaving:
			return errLeave
		case <-tick.C:
			if d.homeless() {
				return nil
			}
			if d.removed.looks == 0 { // else the door comes after the lock
				d.mendDoor(door)
			}
			d.exposeAgain()
			d.audit.retry()
			d.lookAtConfigs()
		case s := <-signals:
			if isReload(s) {
				if err := d.reopen(); err != nil {
					d.log.Error("reopen the logs", zap.Error(err))
				}
				continue
			}
			d.log.Info("asked to end", zap.String("signal", s.String()))
			d.record(&auditEntry{At: time.Now(), actor: unknownActor, Act: "end", Targets: []string{"by signal: " + s.String()}})
			d.wire.Load().dying("pm2 has been killed by " + s.String())
			return nil
		}
	}
}

// end stops every service and closes the door. The desired list stays on disk, unless kill emptied it.
func (d *daemon) end(server *http.Server, door *hotDoor) {
	err := d.sup.Shutdown(supervisor.WithCause(context.Background(), "the supervisor was asked to end"), false, func(app.Progress) {})
	if err != nil && !errors.Is(err, supervisor.ErrClosed) {
		d.log.Error("stop every service", zap.Error(err))
	}
	d.rotator.at("", nil)
	d.exposer.end()
	d.configs.end()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	d.wire.Load().close()
	d.lender.end(ctx)
	server.Shutdown(ctx)
	door.end(ctx)
	d.socket.remove()
	if d.removed.taken { // what is there now is another's
		d.link.tell(anchor.MessageBye)
		d.wire.Load().wake()
		d.log.Sync()
		return
	}
	os.Remove(d.home.PIDFile())
	// Only now, with nothing left running: if we die before, the anchor starts a successor, which takes care of it.
	d.preload.Remove()
	logs.RemoveLedger(d.ledgerName())
	d.link.tell(anchor.MessageBye) // the anchor may be gone
	d.wire.Load().wake()
	if d.home.PM2 {
		d.log.Info("PM2 successfully stopped")
	} else {
		d.log.Info("ended", zap.Duration("uptime", time.Since(d.started)))
	}
	d.log.Sync()
}

// stop has the daemon end, once what is being answered has been.
func (d *daemon) stop() { d.stopOnce.Do(func() { close(d.stopping) }) }

func (d *daemon) isStopping() bool {
	select {
	case <-d.stopping:
		return true
	default:
		return false
	}
}

// streaming is the context of an answer without end: it ends with the peer or with the daemon.
func (d *daemon) streaming(r *http.Request) context.Context {
	ctx, cancel := context.WithCancel(r.Context())
	context.AfterFunc(d.streams, cancel)
	return ctx
}
