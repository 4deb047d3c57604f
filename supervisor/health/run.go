package health

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"weaver/app"
)

// Report is a change, or a failure that goes on.
type Report struct {
	Healthy bool
	Cause   error // why not
	Round   int   // how many times the failure threshold was reached since it was last well, from 1
	Took    time.Duration
}

// Run looks at the target until ctx ends. fire is called, from Run, when it becomes well, and each time that as many looks
// in a row as the probe allows have failed; until the first of these nothing is known. once ends it when it is well.
func Run(ctx context.Context, p *app.Probe, t *Target, once bool, fire func(Report)) {
	switch p.Kind {
	case app.ProbeLog:
		waitLine(ctx, p, t, fire)
		return
	case app.ProbeNotify:
		if t.Signs.awaitReady(ctx) {
			fire(Report{Healthy: true})
		}
		return
	case app.ProbeFD:
		if t.Signs.awaitNewline(ctx) {
			fire(Report{Healthy: true})
		}
		return
	case app.ProbeHeartbeat:
		t.Signs.heartbeats(ctx, p, fire)
		return
	}
	poll(ctx, p, t, once, fire)
}

// Interval is how often a probe looks.
func Interval(p *app.Probe, once bool) time.Duration {
	switch {
	case p.Interval > 0:
		return p.Interval.D()
	case once: // somebody waits for it
		return 100 * time.Millisecond
	}
	return app.ProbeInterval.D()
}

func poll(ctx context.Context, p *app.Probe, t *Target, once bool, fire func(Report)) {
	if !sleep(ctx, p.Delay.D()) {
		return
	}
	c := counter{successes: max(p.Successes, 1), failures: p.Failures}
	if c.failures <= 0 {
		c.failures = app.ProbeFailures
	}
	for {
		began := time.Now()
		err := Check(ctx, p, t)
		if ctx.Err() != nil {
			return
		}
		if _, soft := err.(*Degraded); soft && p.Kind == app.ProbeHTTP && redirect(err) {
			err = nil // as k8s: 200 to 399 are well
		}
		if r, tell := c.count(err); tell {
			r.Took = time.Since(began)
			fire(r)
			if once && r.Healthy {
				return
			}
		}
		if !sleep(ctx, Interval(p, once)) {
			return
		}
	}
}

// redirect reports a status of 3xx.
func redirect(err error) bool {
	d, ok := err.(*Degraded)
	return ok && len(d.Status) > 0 && d.Status[0] == '3'
}

// counter turns looks into changes.
type counter struct {
	successes, failures int // thresholds
	good, bad           int // in a row
	well                bool
	round               int
}

// count takes one look into account and reports whether there is something to tell.
func (c *counter) count(err error) (Report, bool) {
	if err == nil {
		c.bad = 0
		c.good++
		if c.well || c.good < c.successes {
			return Report{}, false
		}
		c.well, c.round = true, 0
		return Report{Healthy: true}, true
	}
	c.good = 0
	c.bad++
	if c.bad < c.failures {
		return Report{}, false
	}
	c.well, c.bad = false, 0
	c.round++
	return Report{Cause: err, Round: c.round}, true
}

// waitLine fires once, when a line matches.
func waitLine(ctx context.Context, p *app.Probe, t *Target, fire func(Report)) {
	re, err := regexp.Compile(p.Pattern)
	if err != nil {
		fire(Report{Cause: fmt.Errorf("pattern: %w", err), Round: 1})
		return
	}
	if t.Lines == nil {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	seen := false
	t.Lines(ctx, func(line string) {
		if !seen && re.MatchString(line) {
			seen = true
			fire(Report{Healthy: true})
			cancel()
		}
	})
}

// sleep waits, and reports whether it may go on.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
