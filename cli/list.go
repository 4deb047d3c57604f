package cli

import (
	"context"
	"time"

	"weaver/api"
	"weaver/app"
	"weaver/pm2"
)

// watchPeriod is how often `list --watch` looks, PM2's.
const watchPeriod = 900 * time.Millisecond

func runList(c *call) error {
	if c.bool("watch") {
		return c.watchList()
	}
	return c.showList()
}

func (c *call) showList() error {
	if len(c.args) == 0 && !c.out.json {
		if err := c.findHome(); err != nil {
			return err
		}
		return c.table()
	}
	list, err := c.processes(false, c.args)
	if err != nil {
		return err
	}
	if c.out.json {
		if list == nil {
			list = []app.Process{}
		}
		return c.out.value(list)
	}
	c.render(list)
	return nil
}

// watchList shows the list again and again until it is interrupted.
func (c *call) watchList() error {
	tick := time.NewTicker(watchPeriod)
	defer tick.Stop()
	for {
		c.out.data("\x1b[2J\x1b[0f")
		if err := c.showList(); err != nil {
			return err
		}
		c.out.data("Last refresh:  " + time.Now().UTC().Format("2006-01-02T15:04:05.000Z") + "\n")
		select {
		case <-tick.C:
		case <-c.ctx.Done():
			return nil
		}
	}
}

// table shows everything, as the daemon renders it: a thousand processes need not be read and rendered here.
func (c *call) table() error {
	var flags []string
	if c.bool("mini-list") {
		flags = append(flags, "mini-list")
	}
	if by := c.str("sort"); by != "" {
		flags = append(flags, "sort="+by)
	}
	said, err := c.client.Ask(c.ctx, "list", nil, flags, c.out.cols, c.out.color)
	if api.IsDown(err) {
		up, err := c.daemonOfTheLiving()
		if !up || err != nil {
			c.render(nil)
			return err
		}
		if said, err = c.client.Ask(c.ctx, "list", nil, flags, c.out.cols, c.out.color); err != nil {
			return err
		}
		c.out.bytes(said.Out)
		return nil
	}
	if err != nil {
		return err
	}
	c.out.bytes(said.Out)
	return nil
}

// render writes a part of the list, or none, as a table, or as `-m` has it.
func (c *call) render(list []app.Process) {
	o := pm2.TableOptions{
		Width: c.out.cols, Color: c.out.color, Unicode: true, Mini: c.bool("mini-list"), Sort: c.str("sort"), Now: time.Now(),
	}
	if !o.Mini {
		o.HostLine = c.hostLine()
	}
	c.out.bytes(pm2.AppendTable(nil, list, o))
}

// hostLine is the line about the machine below the table; a table without it is still a table.
func (c *call) hostLine() string {
	ctx, cancel := context.WithTimeout(c.ctx, time.Second)
	defer cancel()
	h, err := c.client.Host(ctx)
	if err != nil {
		return ""
	}
	return h.Line
}

func runJList(c *call) error {
	list, err := c.processes(true, c.args)
	if err != nil {
		return err
	}
	c.out.bytes(pm2.AppendJList(nil, list, c.recordOptions()))
	return nil
}

// recordOptions are those of records that are shown.
func (c *call) recordOptions() pm2.EnvOptions {
	return pm2.EnvOptions{Home: c.home.Dir, Hide: !c.showSecrets()}
}

func runPrettyList(c *call) error {
	list, err := c.processes(true, nil)
	if err != nil {
		return err
	}
	c.out.bytes(pm2.AppendPrettyList(nil, list, c.recordOptions()))
	return nil
}
