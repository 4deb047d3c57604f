package cli

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"

	"weaver/api"
	"weaver/app"
	"weaver/config/home"
	"weaver/pm2"
	"weaver/pm2/remote"
)

// giveBack is the way back: PM2 is started, and each app stopped here and started there.
func (c *call) giveBack(to home.Home) error {
	up, err := c.daemonUp()
	if err != nil || !up {
		return errors.Join(err, pm2Error("", "no supervisor runs in %s", c.home.Dir))
	}
	list, err := c.client.List(c.ctx, true, "")
	if err != nil {
		return err
	}
	program, err := c.realPM2()
	if err != nil {
		return err
	}
	// Whoever is killed between the end of an app here and its start there: it is in the saved list.
	if _, err := c.client.Save(c.ctx, false); err != nil {
		return c.cannot("nothing was changed", "save the list before anything is stopped", err)
	}
	if to.Dir == c.home.Dir {
		return c.giveBackHome(list, program)
	}
	if !home.Answers(to.PM2Socket()) || !livesPM2(to) {
		if err := c.startPM2(program, to); err != nil {
			return err
		}
	}
	d, err := remote.Dial(c.ctx, to.PM2Socket())
	if err != nil {
		return c.cannot("", "reach PM2", err)
	}
	defer d.Close()
	for len(list) > 0 {
		name := list[0].Name
		var some []app.Process
		list = slices.DeleteFunc(list, func(p app.Process) bool {
			if p.Name == name {
				some = append(some, p)
			}
			return p.Name == name
		})
		if err := c.giveBackApp(d, name, some, to); err != nil {
			return err
		}
	}
	return nil
}

// giveBackHome gives the home back too: two supervisors cannot have its sockets at once, so that all is stopped here before PM2 is
// started. What PM2 does not take runs here again.
func (c *call) giveBackHome(list []app.Process, program string) error {
	data, err := pm2.WriteDump(list, pm2.EnvOptions{Home: c.home.Dir})
	if err != nil {
		return err
	}
	var records []json.RawMessage
	if err := json.Unmarshal(data, &records); err != nil {
		return err
	}
	const saved = "pm2 resurrect starts what has not been: the list was saved"
	again := api.TakeRequest{}
	for i := range list {
		again.Processes = append(again.Processes, api.TakenProcess{ID: list[i].ID, Up: list[i].Wanted, Spec: *list[i].Spec})
	}
	if err := c.client.Kill(c.ctx, func(app.Progress) {}); err != nil && !api.IsDown(err) {
		return err
	}
	if err := c.awaitGone(); err != nil {
		return err
	}
	if err := c.startPM2(program, c.home); err != nil {
		if up := c.ensureDaemon(); up != nil {
			return errors.Join(err, up)
		}
		return errors.Join(err, c.client.Take(context.WithoutCancel(c.ctx), again, nil, func(app.Progress) {}))
	}
	d, err := remote.Dial(c.ctx, c.home.PM2Socket())
	if err != nil {
		return c.cannot(saved, "reach PM2", err)
	}
	defer d.Close()
	for i, r := range records {
		if err := d.Prepare(c.ctx, r); err != nil {
			return c.cannot(saved, "start "+list[i].Name+" in PM2", err)
		}
		c.out.talk("[%s] runs in PM2", list[i].Name)
	}
	return nil
}

func (c *call) giveBackApp(d *remote.Daemon, name string, some []app.Process, to home.Home) error {
	data, err := pm2.WriteDump(some, pm2.EnvOptions{Home: to.Dir})
	if err != nil {
		return err
	}
	var records []json.RawMessage
	if err := json.Unmarshal(data, &records); err != nil {
		return err
	}
	del := api.ActRequest{Verb: app.VerbDelete, Targets: []app.Selector{app.Selector(name)}}
	if err := c.applyLocked(del); err != nil {
		return err
	}
	for _, r := range records {
		if err := d.Prepare(c.ctx, r); err != nil {
			return c.cannot("its record is in "+c.home.Dump(), "start "+name+" in PM2", err)
		}
	}
	c.out.talk("[%s] runs in PM2", name)
	return nil
}

// realPM2 finds PM2's own program, not a link to us.
func (c *call) realPM2() (string, error) {
	_, weaver, err := c.executables()
	if err != nil {
		return "", err
	}
	if path := c.str("pm2"); path != "" {
		return c.abs(path), nil
	}
	for _, dir := range filepath.SplitList(c.env.Getenv("PATH")) {
		path := filepath.Join(dir, "pm2")
		if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 && !linksTo(path, weaver) {
			return path, nil
		}
	}
	return "", pm2Error("name it with --pm2 PATH", "no PM2 of npm's in PATH")
}
