package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"weaver/api"
	"weaver/app"
	"weaver/config/home"
	"weaver/pm2"
	"weaver/pm2/remote"
)

func migrateFlags() []flag {
	return []flag{
		{name: "yes", alias: "y", help: "do it; without it the plan is shown"},
		{name: "back", help: "give the processes back to PM2"},
		{name: "pm2", arity: one, meta: "PATH", help: "with --back: PM2's own program"},
		{name: "pm2-home", arity: one, meta: "DIR", help: "PM2's home ($PM2_HOME, ~/.pm2)"},
	}
}

// runMigrate takes over the processes of a PM2 that runs, app by app: stopped there, started here, under the same names and
// ids. What cannot be started here is started there again, and the rest left.
func runMigrate(c *call) error {
	c.besidePM2 = true
	if err := c.findHome(); err != nil {
		return err
	}
	from := c.pm2Home()
	if c.bool("back") {
		return c.giveBack(from)
	}
	d, err := remote.Dial(c.ctx, from.PM2Socket())
	if err != nil {
		return c.cannot("weaver resurrect starts what a PM2 that has ended saved in "+from.Dump(), "find a PM2 that runs in "+from.Dir, err)
	}
	defer d.Close()
	moves, err := c.plan(d)
	if err != nil {
		return err
	}
	c.showPlan(moves, from)
	if !c.bool("yes") {
		c.out.say("Nothing was changed. " + program(c.env) + " migrate --yes does it; " + program(c.env) + " migrate --back undoes it.\n")
		return nil
	}
	pid, err := pidOfPM2(d, from) // before a supervisor of ours writes its own there
	if err != nil {
		return c.cannot("nothing was changed", "find the process of PM2", err)
	}
	if err := c.ensureDaemon(); err != nil {
		return err
	}
	if err := c.keepRecord(moves); err != nil {
		return err
	}
	for i := range moves {
		if moves[i].module {
			continue
		}
		if err := c.move(d, &moves[i]); err != nil {
			return err
		}
	}
	if err := c.endPM2(pid, from); err != nil {
		return err
	}
	return c.after(nil)
}

// pidOfPM2 is the process of the daemon: that which answers, or where the system does not tell, that of its file.
func pidOfPM2(d *remote.Daemon, from home.Home) (int, error) {
	if pid := d.PID(); pid > 1 {
		return pid, nil
	}
	data, err := os.ReadFile(from.PIDFile())
	if err != nil {
		return 0, err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || pid <= 1 {
		return 0, fmt.Errorf("%s holds %.40q", from.PIDFile(), data)
	}
	return pid, nil
}

// pm2Home is where PM2 is.
func (c *call) pm2Home() home.Home {
	if dir := c.str("pm2-home"); dir != "" {
		return home.Home{Dir: c.abs(dir), PM2: true}
	}
	h, err := home.Find(home.PM2, c.env.Getenv)
	if err != nil {
		return c.home
	}
	return h
}

// move is one app on its way: all of its processes, since they may share what they listen on.
type move struct {
	name    string
	module  bool
	records []pm2.Record
	from    []remote.Process
}

func (c *call) plan(d *remote.Daemon) ([]move, error) {
	list, err := d.List(c.ctx)
	if err != nil {
		return nil, c.cannot("", "ask PM2 for its processes", err)
	}
	slices.SortFunc(list, func(a, b remote.Process) int { return a.ID - b.ID })
	var moves []move
	for _, p := range list {
		r, err := pm2.Spec(p.Env)
		if err != nil {
			return nil, c.cannot("", fmt.Sprintf("read what PM2 says of %s (id %d)", p.Name, p.ID), err)
		}
		r.ID, r.Spec.Instances = app.ID(p.ID), 1
		i := slices.IndexFunc(moves, func(m move) bool { return m.name == r.Spec.Name })
		if i < 0 {
			i = len(moves)
			moves = append(moves, move{name: r.Spec.Name, module: r.Module})
		}
		moves[i].records = append(moves[i].records, r)
		moves[i].from = append(moves[i].from, p)
	}
	return moves, nil
}

func runs(r *pm2.Record) bool { return r.Status != app.Stopped && r.Status != app.Errored }

func (c *call) showPlan(moves []move, from home.Home) {
	rows := [][]string{{"app", "ids", "mode", "processes", "what happens"}}
	for i := range moves {
		m := &moves[i]
		var ids []string
		up := 0
		for j := range m.records {
			ids = append(ids, m.records[j].ID.String())
			if runs(&m.records[j]) {
				up++
			}
		}
		what := "stopped in PM2, started here"
		switch {
		case m.module:
			what = "left: a module of PM2's, it ends with it"
		case up == 0:
			what = "taken over as it is: not running"
		}
		rows = append(rows, []string{
			m.name, strings.Join(ids, ","), strings.TrimSuffix(string(m.records[0].Spec.Mode), "_mode"),
			fmt.Sprintf("%d of %d up", up, len(m.records)), what,
		})
	}
	c.out.say("From PM2 in " + from.Dir + " to " + c.home.Dir + ":\n" + columns(rows))
}

// keepRecord writes down what there was, in the form of a dump, before anything is touched.
func (c *call) keepRecord(moves []move) error {
	var all []json.RawMessage
	for i := range moves {
		for _, p := range moves[i].from {
			all = append(all, p.Env)
		}
	}
	data, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(c.home.Dir, "migrated.json")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return c.cannot("", "write down what PM2 had", err)
	}
	return nil
}

// move moves one app. Its ports are free before it starts here, since PM2 answers a stop when the process is gone.
func (c *call) move(d *remote.Daemon, m *move) error {
	var stopped []remote.Process
	undo := func() {
		for _, p := range stopped {
			if err := d.Start(context.WithoutCancel(c.ctx), p.ID); err != nil {
				c.out.fail(fmt.Sprintf("[PM2][ERROR] start %s (id %d) in PM2 again: %v", m.name, p.ID, err))
			}
		}
	}
	for i, p := range m.from {
		if !runs(&m.records[i]) {
			continue
		}
		stopped = append(stopped, p)
		if err := d.Stop(c.ctx, p.ID); err != nil {
			undo()
			return c.cannot("", fmt.Sprintf("stop %s (id %d) in PM2", m.name, p.ID), err)
		}
	}
	r := api.TakeRequest{}
	for i := range m.records {
		r.Processes = append(r.Processes, api.TakenProcess{ID: m.records[i].ID, Up: runs(&m.records[i]), Spec: m.records[i].Spec})
	}
	err := c.locked([]string{m.name}, func(fds []int) error {
		return c.report(func(report func(app.Progress)) error { return c.client.Take(c.ctx, r, fds, report) })
	})
	if err != nil {
		del := api.ActRequest{Verb: app.VerbDelete, Targets: []app.Selector{app.Selector(m.name)}}
		c.client.Act(context.WithoutCancel(c.ctx), del, nil, func(app.Progress) {}) // it did not come up
		undo()
		return errors.Join(err, c.cannot("see "+program(c.env)+" logs "+m.name, "start "+m.name+" here; it runs in PM2 again", errors.New("see above")))
	}
	for _, p := range m.from {
		if err := d.Delete(c.ctx, p.ID); err != nil {
			return c.cannot("pm2 delete "+strconv.Itoa(p.ID), fmt.Sprintf("delete %s (id %d) in PM2; it runs here", m.name, p.ID), err)
		}
	}
	return nil
}

// endPM2 ends the daemon, which has nothing left but modules. It writes no list, as it has none. Where the home was its own, it has
// taken the supervisor's pid file with it, and had the sockets of PM2's clients: the supervisor begins anew, its services run on.
func (c *call) endPM2(pid int, from home.Home) error {
	p, err := os.FindProcess(pid)
	if err == nil {
		err = p.Signal(terminate)
	}
	if err != nil {
		return c.cannot("", "end PM2", err)
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(killTimeout); home.Answers(from.PM2Socket()); <-tick.C {
		if time.Now().After(deadline) {
			return c.cannot("kill "+strconv.Itoa(pid), "see PM2 end", errors.New("it still answers"))
		}
	}
	if from.Dir == c.home.Dir {
		res, err := c.client.Update(c.ctx, c.env.SelfPath)
		if err == nil {
			_, err = c.awaitOther(res.PID)
		}
		if err != nil {
			return c.cannot("weaver update has it do so; all runs here", "have the supervisor take PM2's sockets", err)
		}
	}
	c.out.talk("PM2 (pid %d) has ended, its processes run in %s", pid, c.home.Dir)
	return nil
}
