package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"weaver/api"
	"weaver/app"
	"weaver/lock"
	"weaver/logs"
)

// foreground is a command that stays while apps run: their output is its own, and so are the signals that it gets.
//
// The supervisor and its anchor run below it as they always do. Only when this command started them does it end them.
type foreground struct {
	c   *call
	own bool // the supervisor is ours
	// files are logs to print, whole: they keep what an output that nobody reads holds up, which the supervisor's stream
	// does not. Without any the stream is followed.
	files []tail
	// telling has what the supervisor's log says of the apps printed too, as PM2 does: in a container there is no other place
	// to read of a crash.
	telling bool
	// keep says that the apps outlive us where the supervisor does.
	keep bool
	// autoExit ends it once no app runs or is due to run.
	autoExit bool
	// idleExit ends it once no app runs at two looks in a row, whether one is due or not; idle counts the looks.
	idleExit bool
	idle     int
	view     *logView
	start    func(*foreground) error // starts the apps
	names    []string                // of the apps; those that are known before are followed, else all
	// heard is called for each event of the supervisor's.
	heard func(app.Event)
	lines sync.WaitGroup
	mu    sync.Mutex
	last  time.Time // when the last line was shown
}

// run starts the apps and stays until they have ended, or somebody wants us to end. With fresh the apps of an earlier life
// of this home, a container that was started again, are forgotten first.
func (f *foreground) run(fresh bool) error {
	c := f.c
	ctx, calm := quits(c.ctx)
	defer calm()
	c.ctx = ctx
	up, err := c.daemonUp()
	if err != nil {
		return err
	}
	f.own = !up
	if err := c.ensureDaemon(); err != nil {
		return err
	}
	if os.Getpid() == 1 {
		stop := reapOrphans()
		defer stop()
	}
	if f.own && fresh {
		if err := f.forget(); err != nil {
			return f.end(err)
		}
	}
	tails := f.files
	if f.telling && f.own && c.home.PM2 {
		io.WriteString(c.env.Stdout, time.Now().Format("2006-01-02T15:04:05")+": PM2 log: Launching in no daemon mode\n")
		tails = append(slices.Clone(tails), tail{c.home.DaemonLog(), c.env.Stdout})
	}
	ctx, cancel := context.WithCancel(ctx)
	// What asks us to end must not cut off what the apps say when they are asked to.
	showing, hide := context.WithCancel(context.WithoutCancel(c.ctx))
	defer f.lines.Wait()
	defer hide()
	defer cancel()
	printed := printFiles(tails, c.out)
	defer printed()
	if len(f.files) == 0 {
		if err := f.follow(showing); err != nil {
			return f.end(err)
		}
	}
	if err := f.start(f); err != nil && (f.autoExit || !errors.Is(err, errReported)) {
		return f.end(err)
	}
	return f.end(f.stay(ctx))
}

// tail is a log file and where its lines go.
type tail struct {
	path string
	to   io.Writer
}

// printFiles prints files from where they end now. The function returned prints what is left, when nothing is written any
// more.
func printFiles(files []tail, out *output) (rest func()) {
	end := make(chan struct{})
	var all, ready sync.WaitGroup
	ready.Add(len(files))
	for _, t := range files {
		all.Go(func() { // ends with the function returned
			placed := sync.OnceFunc(ready.Done)
			defer placed()
			o := logs.FollowFileOptions{Every: printPeriod, Ready: placed, End: end}
			err := logs.FollowFile(context.Background(), t.path, o, func(line string) error {
				_, err := io.WriteString(t.to, line+"\n")
				return err
			})
			if err != nil {
				out.note("weaver: print %s: %v", t.path, err)
			}
		})
	}
	ready.Wait()
	return func() { close(end); all.Wait() }
}

// printPeriod is how often the files are looked at.
const printPeriod = 20 * time.Millisecond

// forget deletes what the supervisor restored.
func (f *foreground) forget() error {
	list, err := f.c.client.List(f.c.ctx, false, "")
	if err != nil || len(list) == 0 {
		return err
	}
	r := api.ActRequest{Verb: app.VerbDelete, Targets: []app.Selector{app.All}, KillNow: true}
	return f.c.client.Act(f.c.ctx, r, nil, func(app.Progress) {})
}

// follow shows the lines of the apps. It returns once none can be missed.
func (f *foreground) follow(ctx context.Context) error {
	ready := make(chan struct{})
	failed := make(chan error, 1)
	view := f.view
	view.lines = 0
	view.ready = sync.OnceFunc(func() { close(ready) })
	view.shown = func() {
		f.mu.Lock()
		f.last = time.Now()
		f.mu.Unlock()
	}
	view.ctx = ctx
	followed := f.names
	view.names = &followed
	f.lines.Go(func() { failed <- view.follow() }) // ends with ctx
	select {
	case <-ready:
		return nil
	case err := <-failed:
		return err
	}
}

// stay returns when there is nothing left to stay for: nil if somebody wanted it to end.
func (f *foreground) stay(ctx context.Context) error {
	signals, stop := forwarded()
	defer stop()
	news := make(chan app.Event)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	f.lines.Go(func() { f.events(ctx, news) }) // ends with ctx
	look := time.NewTicker(lookPeriod)
	defer look.Stop()
	idle := time.NewTicker(idlePeriod)
	defer idle.Stop()
	for {
		if done, err := f.done(ctx); done {
			return err
		}
		select {
		case e := <-news:
			if f.heard != nil {
				f.heard(e)
			}
		case name := <-signals:
			f.forward(name)
		case <-look.C:
		case <-idle.C:
			if f.idleExit && f.idled(ctx) {
				f.c.out.say("0 application online, exiting\n")
				return exitCode(1)
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// lookPeriod is how often the apps are looked at without an event that calls for it.
const lookPeriod = 2 * time.Second

// idlePeriod is between the looks of idleExit, PM2's.
const idlePeriod = 3 * time.Second

// idled reports that none of our apps ran at this look and the one before.
func (f *foreground) idled(ctx context.Context) bool {
	list, err := f.c.client.List(ctx, false, "")
	if err != nil {
		return false
	}
	f.idle++
	if slices.ContainsFunc(list, func(p app.Process) bool { return p.Alive() && slices.Contains(f.names, p.Name) }) {
		f.idle = 0
	}
	return f.idle > 1
}

// events passes on what happens from now on, through restarts of the supervisor.
func (f *foreground) events(ctx context.Context, news chan<- app.Event) {
	begun := time.Now()
	for since := uint64(0); ctx.Err() == nil; {
		events, err := f.c.client.Events(ctx, since)
		if err == nil {
			for e, err := range events {
				if err != nil {
					break
				}
				since = e.Seq
				if e.At.Before(begun) {
					continue
				}
				select {
				case news <- e:
				case <-ctx.Done():
					return
				}
			}
		}
		since = 0 // a new supervisor counts anew
		begun = time.Now()
		select {
		case <-time.After(reconnectMin):
		case <-ctx.Done():
		}
	}
}

// done reports that there is nothing left to stay for, and how it ended.
func (f *foreground) done(ctx context.Context) (bool, error) {
	list, err := f.c.client.List(ctx, true, "")
	switch {
	case err != nil && ctx.Err() == nil && api.IsDown(err):
		return f.abandoned() // else a new supervisor is on its way
	case err != nil || !f.autoExit:
		return false, nil
	}
	mine := slices.DeleteFunc(list, func(p app.Process) bool { return !slices.Contains(f.names, p.Name) })
	if code, over := outcomeOf(mine); over {
		if f.c.env.Getenv("WEAVER_STRICT_PM2") == "1" {
			code = 2
		}
		if code == 0 {
			return true, nil
		}
		return true, exitCode(code)
	}
	return false, nil
}

// abandoned reports that the supervisor was ended by somebody else: its lock is free. One that has left its pid file was not ended,
// it died together with its anchor: the apps run on, and it is started again, as any command would.
func (f *foreground) abandoned() (bool, error) {
	l, err := lock.Try(f.c.home.DaemonLock(), lock.Holder{PID: os.Getpid(), Command: f.c.line, Since: time.Now()})
	if err != nil {
		return false, nil
	}
	l.Release()
	if f.c.died() {
		if err := f.c.ensureDaemon(); err != nil {
			return true, err
		}
		return false, nil
	}
	f.own = false
	return true, nil
}

// died says of a supervisor that is not there that it was not asked to end: it has left its pid file.
func (c *call) died() bool {
	_, err := os.Lstat(c.home.PIDFile())
	return err == nil
}

// outcomeOf reports that none of the processes runs or is due to, and the exit code of the one that ended last, as a shell
// counts it.
func outcomeOf(list []app.Process) (code int, over bool) {
	var last time.Time
	for i := range list {
		p := &list[i]
		if p.Alive() || p.OnDemand || (p.Status != app.Stopped && p.Status != app.Errored) {
			return 0, false
		}
		if p.Spec != nil && p.Spec.CronRestart != "" {
			return 0, false // it will start again
		}
		if e := p.Exit; e != nil && e.At.After(last) {
			last, code = e.At, e.Code
			switch {
			case e.Err != "":
				code = 127
			case e.Signal != "":
				code = 128 + signalNumber(e.Signal)
			}
		}
	}
	return code, true
}

// forward sends a signal that we got to the apps.
func (f *foreground) forward(name string) {
	if len(f.names) == 0 {
		return
	}
	r := api.ActRequest{Verb: app.VerbSignal, Targets: selectors(f.names), Signal: name}
	err := f.c.client.Act(f.c.ctx, r, nil, func(p app.Progress) {
		if p.Step == app.StepFailed {
			f.c.out.progress(p)
		}
	})
	if err != nil {
		f.c.out.note("weaver: forward %s: %v", name, err)
	}
}

// end shows the last lines, ends what is ours, and passes on how it ended.
func (f *foreground) end(err error) error {
	f.settle()
	f.view.calm.Store(true)
	ctx, stop := hurry(f.c)
	defer stop()
	if !f.own {
		return errors.Join(err, f.leave(ctx))
	}
	if len(f.files) == 0 { // what they say when they are asked to end is shown before the supervisor goes
		r := api.ActRequest{Verb: app.VerbStop, Targets: []app.Selector{app.All}}
		f.c.client.Act(ctx, r, nil, func(app.Progress) {}) // the kill reports what does not end
		f.settle()
	}
	kill := f.c.client.Kill(ctx, func(p app.Progress) {
		if p.Step == app.StepFailed {
			f.c.out.progress(p)
		}
	})
	if kill != nil && !api.IsDown(kill) {
		return errors.Join(err, kill)
	}
	end := *f.c
	end.ctx = ctx
	return errors.Join(err, end.awaitGone())
}

// leave deletes our apps, and nothing else, from a supervisor that is not ours.
func (f *foreground) leave(ctx context.Context) error {
	if f.keep || len(f.names) == 0 {
		return nil
	}
	r := api.ActRequest{Verb: app.VerbDelete, Targets: selectors(f.names)}
	err := f.c.client.Act(ctx, r, nil, func(app.Progress) {})
	if api.IsDown(err) {
		return nil // it is gone, and they with it
	}
	return err
}

// settle waits until no more lines come.
func (f *foreground) settle() {
	if len(f.files) > 0 {
		return
	}
	since := time.Now()
	for {
		f.mu.Lock()
		last := f.last
		f.mu.Unlock()
		if last.Before(since) {
			last = since
		}
		left := settleTime - time.Since(last)
		if left <= 0 || time.Since(since) > 20*settleTime {
			return
		}
		time.Sleep(left)
	}
}

// settleTime is how long after the last line there may be another that was written before.
const settleTime = 100 * time.Millisecond

// hurry is the context of the end, which the first signal brought about: a second one kills what does not end by itself.
func hurry(c *call) (context.Context, func()) {
	ctx := context.WithoutCancel(c.ctx)
	again, stop := interrupts()
	done := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() { // ends with stop
		select {
		case <-again:
			r := api.ActRequest{Verb: app.VerbStop, Targets: []app.Selector{app.All}, KillNow: true}
			c.client.Act(ctx, r, nil, func(app.Progress) {}) // the kill that waits reports
		case <-done:
		}
	})
	return ctx, func() { stop(); close(done); wait.Wait() }
}
