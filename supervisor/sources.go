package supervisor

import (
	"bytes"
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"weaver/app"
	"weaver/supervisor/lifecycle"
	"weaver/supervisor/schedule"
	"weaver/supervisor/watch"
)

// sources are what restarts one process from outside: its schedule, its watched files, its probes. They tell the keeper, like anybody
// else; a keeper that has none costs nothing.
type sources struct {
	cron, files, probes, demand *source
}

// source is one that runs.
type source struct {
	key    string // what it was made from: another one replaces it
	cancel context.CancelFunc
	ended  sync.WaitGroup
}

// stop ends it and returns when it is over.
func (s *source) stop() {
	s.cancel()
	s.ended.Wait()
}

// attach makes the sources those that the process is to have now. A schedule outlives a stop, as in PM2, whose next tick
// starts the process; files are watched while the process is wanted.
func (k *keeper) attach() {
	p := k.view.Load()
	if p.Spare {
		return
	}
	cron := p.Spec.CronRestart
	if k.state.Want == lifecycle.Gone {
		cron = ""
	}
	k.sources.cron = k.replace(k.sources.cron, cron, k.runCron)

	files := ""
	if p.Wanted && watches(p.Spec) {
		files = string(p.Spec.Watch)
	}
	k.sources.files = k.replace(k.sources.files, files, k.runWatch)
	k.sources.probes = k.replace(k.sources.probes, k.probesKey(), k.runProbes())
	switch key, old := k.demandKey(), k.sources.demand; {
	case key == "" && old != nil:
		k.sources.demand = k.replace(old, key, nil)
	case key != "" && (old == nil || old.key != key):
		k.sources.demand = k.replace(old, key, k.runDemand())
	}
}

// replace leaves a source alone that was made from the same, and otherwise stops it and starts another; "" is none.
func (k *keeper) replace(old *source, key string, run func(context.Context, *app.Spec)) *source {
	if old == nil && key == "" || old != nil && old.key == key {
		return old
	}
	if old != nil {
		old.stop() // it only puts into the mailbox, which takes no time
	}
	if key == "" {
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &source{key: key, cancel: cancel}
	spec := k.proc.Spec
	s.ended.Go(func() { run(ctx, spec) }) // ends with cancel
	return s
}

// detach stops all sources, and returns when they are over.
func (k *keeper) detach() {
	for _, s := range []*source{k.sources.cron, k.sources.files, k.sources.probes, k.sources.demand} {
		if s != nil {
			s.stop()
		}
	}
}

// trouble tells the world of a source that does not work.
func (k *keeper) trouble(what string, err error) {
	k.publishEvent(app.Event{Kind: app.EventFailed, ID: k.id, Name: k.view.Load().Name, Message: what + ": " + err.Error()})
}

func (k *keeper) runCron(ctx context.Context, spec *app.Spec) {
	s, err := schedule.Parse(spec.CronRestart)
	if err != nil {
		k.trouble("cron_restart", err)
		return
	}
	err = schedule.Run(ctx, s, func(due time.Time) {
		cause := "cron " + spec.CronRestart + ", due " + due.Format(time.RFC3339)
		k.publishEvent(app.Event{Kind: app.EventWarning, ID: k.id, Name: spec.Name, Message: "restarted by " + cause})
		k.mail.put(tell{in: lifecycle.Restart{}, cause: cause})
	})
	if err != nil && ctx.Err() == nil {
		k.trouble("cron_restart", err)
	}
}

// watches reports whether files are to be watched.
func watches(s *app.Spec) bool {
	text := bytes.TrimSpace(s.Watch)
	return len(text) > 0 && !bytes.Equal(text, []byte("false")) && !bytes.Equal(text, []byte("null"))
}

// watched lists what a spec has watched: the paths given, or none for true, which is the working directory.
func watched(s *app.Spec) []string {
	var one string
	if json.Unmarshal(s.Watch, &one) == nil {
		return []string{one}
	}
	var many []string
	if json.Unmarshal(s.Watch, &many) != nil {
		return nil
	}
	return many
}

// own lists what weaver itself writes: that is no change. A home is left out that has in it what is watched.
func own(p *app.Process, roots []string, home string) []string {
	var out []string
	if home != "" && !slices.ContainsFunc(roots, func(root string) bool { return within(root, home) }) {
		out = append(out, home)
	}
	for _, path := range []string{p.OutPath, p.ErrorPath, p.LogPath, p.PIDPath} {
		if path != "" {
			out = append(out, path)
		}
	}
	return out
}

// within says that path is dir, or in it.
func within(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// Watches reports whether every change of a process's files will be seen, or none ever, as they cannot be watched.
func (s *Supervisor) Watches(id app.ID) bool {
	k := s.reg.get(id)
	return k != nil && k.watches.Load()
}

func (k *keeper) runWatch(ctx context.Context, spec *app.Spec) {
	defer k.watches.Store(false)
	p := k.view.Load()
	o := watch.Options{
		Dir: spec.Cwd, Roots: watched(spec), Ignore: spec.IgnoreWatch, Delay: spec.WatchDelay.D(),
		Own:   own(p, append(watched(spec), spec.Cwd), k.sup.opts.Home),
		Ready: func() { k.watches.Store(true) },
		Report: func(text string) {
			k.publishEvent(app.Event{Kind: app.EventWarning, ID: k.id, Name: spec.Name, Message: text})
		},
	}
	err := watch.Run(ctx, o, func(path string) {
		k.publishEvent(app.Event{
			Kind: app.EventWarning, ID: k.id, Name: spec.Name,
			Message: "Change detected on path " + path + " for app " + spec.Name + " - restarting",
		})
		k.mail.put(tell{in: lifecycle.Restart{}, cause: "watch: " + path + " changed"})
	})
	if err != nil && ctx.Err() == nil {
		k.trouble("watch", err)
		k.watches.Store(true) // nobody need wait
		<-ctx.Done()
	}
}
