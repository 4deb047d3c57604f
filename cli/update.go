package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"weaver/api"
	"weaver/config/home"
)

// updateTimeout bounds how long the new supervisor may take to be there, or the old one to be back.
const updateTimeout = 60 * time.Second

// runUpdate has another weaverd take over from the one that runs: this one, unless told otherwise. Services notice nothing.
func runUpdate(c *call) error {
	up, err := c.daemonUp()
	if err != nil {
		return err
	}
	path := c.env.SelfPath
	if len(c.args) > 0 {
		if path, err = weaverdAt(c.env.Cwd, c.args[0]); err != nil {
			return c.cannot("give the path of a weaverd, or of the directory that it is in", "update", err)
		}
	}
	if !up {
		c.out.note("weaver: no supervisor runs: the next one will be the new one")
		if len(c.args) > 0 {
			c.out.note("weaver: of whichever weaver starts it, not %s", path)
		}
		return c.updated(api.UpdateResult{}, api.Ping{})
	}
	res, err := c.client.Update(c.ctx, path)
	if err != nil {
		return c.cannot("", "update", err)
	}
	ping, err := c.awaitOther(res.PID)
	if err != nil {
		return c.cannot("see "+c.home.AnchorLog(), "see the new supervisor", err)
	}
	if strings.HasPrefix(ping.LastEnd, "the update to "+path+" failed") {
		return c.cannot(fmt.Sprintf("supervision goes on with %s; see %s", ping.Version, c.home.AnchorLog()), "update",
			errors.New(ping.LastEnd))
	}
	return c.updated(res, ping)
}

// updated says that all went well.
func (c *call) updated(res api.UpdateResult, ping api.Ping) error {
	if c.out.json {
		return c.out.value(map[string]any{
			"ok": true, "from": res.From, "to": ping.Version, "pid": ping.PID, "anchor": res.Anchor, "processes": ping.Processes,
		})
	}
	if home.PersonaOf(c.env.Argv0) == home.PM2 {
		c.out.say(">>>>>>>>>> PM2 updated\n")
		return c.after(nil)
	}
	if ping.PID != 0 {
		c.out.data(fmt.Sprintf("updated the supervisor: %s -> %s (pid %d); %d processes run on\n", res.From, ping.Version, ping.PID, ping.Processes))
	}
	return nil
}

// awaitOther waits until another supervisor answers than the one with a pid.
func (c *call) awaitOther(pid int) (api.Ping, error) {
	ctx, cancel := context.WithTimeout(c.ctx, updateTimeout)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		ping, err := c.client.Ping(ctx)
		if err == nil && ping.PID != pid {
			return ping, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if err == nil {
				err = fmt.Errorf("the old one (pid %d) still answers after %v", pid, updateTimeout)
			}
			return ping, err
		}
	}
}

// weaverdAt finds the weaverd that a person means: itself, the weaver beside it, or the directory of both.
func weaverdAt(cwd, path string) (string, error) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(cwd, path)
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	switch {
	case info.IsDir():
		path = filepath.Join(path, "weaverd")
	case filepath.Base(path) == "weaver":
		path = filepath.Join(filepath.Dir(path), "weaverd")
	}
	if info, err = os.Stat(path); err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
		return "", fmt.Errorf("%s is no executable", path)
	}
	return filepath.EvalSymlinks(path)
}
