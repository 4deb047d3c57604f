package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"weaver/api"
	"weaver/app"
	"weaver/lock"
)

// runPing starts the daemon unless it runs: scripts use `pm2 ping` to have one.
func runPing(c *call) error {
	if err := c.ensureDaemon(); err != nil {
		return err
	}
	ping, err := c.client.Ping(c.ctx)
	if err != nil {
		return err
	}
	switch {
	case !ping.Durable && ping.Problem != "":
		c.out.note("weaver: state not durable: %s", ping.Problem)
	case ping.Problem != "":
		c.out.note("weaver: %s", ping.Problem)
	}
	if c.out.json {
		return c.out.value(ping)
	}
	c.out.data(ping.Words(c.home.PM2))
	return nil
}

// killTimeout is how long the supervisor and its anchor may take to be gone once all apps are.
const killTimeout = 10 * time.Second

// runKill stops everything. Without a daemon there is nothing to stop, and none is started for it as PM2 does, unless services
// have outlived theirs.
func runKill(c *call) error {
	up, err := c.daemonOfTheLiving()
	if err != nil {
		return err
	}
	if up {
		c.sayKilling()
		if err := c.kill(); err != nil {
			return err
		}
	}
	if c.out.json {
		return c.out.value(map[string]any{"ok": true, "was_running": up})
	}
	c.out.talk("[v] All Applications Stopped")
	c.out.talk("[v] PM2 Daemon Stopped")
	return nil
}

// daemonOfTheLiving reports whether there is a daemon. One that is about to answer is waited for; services that run without
// any get one, which takes them over.
func (c *call) daemonOfTheLiving() (bool, error) {
	up, err := c.daemonUp()
	if up || err != nil {
		return up, err
	}
	if _, err := os.Stat(c.home.DaemonLock()); err == nil { // else there never was one, or the home was removed
		ctx, cancel := context.WithTimeout(c.ctx, readyTimeout)
		defer cancel()
		if up, err := c.awaitDaemonOrEnd(ctx); up || err != nil {
			return up, err
		}
	}
	n, err := c.env.Living(c.home)
	if err != nil {
		return false, c.cannot("", "look for services without a supervisor", err)
	}
	if n == 0 {
		return false, nil
	}
	return true, c.ensureDaemon()
}

// sayKilling says what is about to be deleted, as PM2 does, for which that is "delete all".
func (c *call) sayKilling() {
	list, err := c.client.List(c.ctx, false, "")
	if err != nil {
		return // what comes next says what is wrong
	}
	if len(list) == 0 {
		c.out.fail("[PM2][WARN] No process found")
		return
	}
	p := app.Progress{Step: app.StepApplying, Verb: app.VerbDelete, Target: string(app.All), ID: -1}
	for i := range list {
		p.IDs = append(p.IDs, list[i].ID)
	}
	c.out.progress(p)
}

func (c *call) kill() error {
	err := c.report(func(report func(app.Progress)) error {
		return c.client.Kill(c.ctx, func(p app.Progress) {
			if p.Step != app.StepEnd {
				report(p)
			}
		})
	})
	if err != nil && !errors.Is(err, errReported) {
		return err
	}
	return errors.Join(err, c.awaitGone())
}

// awaitGone waits until the anchor has let go of the home, so that the next command finds it free.
func (c *call) awaitGone() error {
	ctx, cancel := context.WithTimeout(c.ctx, killTimeout)
	var wait sync.WaitGroup
	defer wait.Wait()
	defer cancel()
	wait.Go(func() { c.endSuccessor(ctx) })
	l, err := lock.Acquire(ctx, c.home.DaemonLock(), lock.Holder{PID: os.Getpid(), Command: c.line, Since: time.Now()})
	if err != nil {
		return c.cannot("see "+c.home.AnchorLog(), "see the supervisor end", err)
	}
	return l.Release()
}

// successorPeriod is how often it is asked whether a supervisor that should be gone has a successor.
const successorPeriod = 300 * time.Millisecond

// endSuccessor asks a supervisor to end that has come after the one that was asked: that one, or its anchor, was killed before
// it could tell the anchor to end, too. Such a successor finds nothing to look after.
func (c *call) endSuccessor(ctx context.Context) {
	tick := time.NewTicker(successorPeriod)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if list, err := c.client.List(ctx, false, ""); err == nil && len(list) == 0 {
			c.client.Kill(ctx, func(app.Progress) {}) // the lock says what came of it
		}
	}
}

func runCache(c *call) error {
	clear := c.args[0] == "clear"
	if !clear && c.args[0] != "stats" {
		return &usageError{fmt.Sprintf("unknown argument `%s'", c.args[0]), "weaver cache stats|clear"}
	}
	up, err := c.daemonUp()
	if err != nil {
		return err
	}
	stats := api.CacheStats{Caches: map[string]api.CacheFigure{}}
	if up {
		if stats, err = c.client.Cache(c.ctx, clear); err != nil {
			return err
		}
	} else {
		c.out.note("weaver: no supervisor runs, so there is no cache")
	}
	if c.out.json {
		return c.out.value(stats)
	}
	if clear {
		c.out.data("cache cleared\n")
		return nil
	}
	state := "off"
	if stats.Enabled {
		state = "on"
	}
	c.out.data("cache: " + state + "\n" + columns(cacheRows(stats)))
	return nil
}

func cacheRows(stats api.CacheStats) [][]string {
	rows := [][]string{{"cache", "hits", "misses", "entries", "evictions", "expired", "max", "ttl"}}
	for _, name := range sortedKeys(stats.Caches) {
		f := stats.Caches[name]
		rows = append(rows, []string{
			name, strconv.FormatUint(f.Hits, 10), strconv.FormatUint(f.Misses, 10), strconv.Itoa(f.Entries),
			strconv.FormatUint(f.Evictions, 10), strconv.FormatUint(f.Expired, 10), strconv.Itoa(f.Max),
			f.TTL.String(),
		})
	}
	return rows
}
