package cli

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"time"

	"weaver/api"
	"weaver/app"
)

func bootFlags() []flag {
	return []flag{
		{name: "detach", help: "start the supervisor in the background"},
		{name: "stop", help: "end it and all services, and start them again at the next boot"},
		{name: "status", help: "say whether it runs"},
		{name: "resurrect", help: "once it runs, start what was saved if there is nothing else"},
	}
}

// runBoot is what init systems call. Without a flag this process becomes the anchor, for them to supervise.
func runBoot(c *call) error {
	if err := c.findHome(); err != nil {
		return err
	}
	switch {
	case c.bool("stop"):
		return c.bootStop()
	case c.bool("status"):
		return c.bootStatus()
	case c.bool("resurrect"):
		return c.bootResurrect()
	case c.bool("detach"):
		if err := c.ensureDaemon(); err != nil {
			return err
		}
		return c.bootResurrect()
	}
	for {
		ping, err := c.client.Ping(c.ctx)
		switch {
		case err == nil:
			return c.join(ping)
		case !api.IsDown(err):
			return err
		}
		if err := c.prepareHome(); err != nil {
			return err
		}
		if err := c.becomeAnchor(); err != nil {
			return err
		}
	}
}

// becomeAnchor turns this process into the anchor. What was saved is resurrected by a child, once the supervisor answers.
func (c *call) becomeAnchor() error {
	self, anchor, err := c.executables()
	if err != nil {
		return c.cannot("", "start the supervisor", err)
	}
	after := exec.Command(self, "boot", "--resurrect")
	after.Args[0] = c.env.Argv0
	after.Env, after.Dir, after.SysProcAttr = c.env.Environ, c.home.Dir, detached()
	after.Stderr = os.Stderr
	if err := after.Start(); err != nil {
		return c.cannot("", "start what was saved", err)
	}
	err = replace(anchor, []string{"weaver", "--anchor", c.home.Dir, self}, daemonEnviron(c.env.Environ))
	return c.cannot("", "run "+anchor, err)
}

// join is for a supervisor that runs already, with the one who asks to supervise it: after the death of its anchor, or
// when somebody started it by hand. systemd is told who it is; the others wait until it ends, and pass on the wish that it does.
func (c *call) join(ping api.Ping) error {
	if socket := c.env.Getenv("NOTIFY_SOCKET"); socket != "" {
		if err := notify(socket, "MAINPID="+strconv.Itoa(ping.AnchorPID)+"\nREADY=1\nSTATUS=joined a supervisor that runs"); err != nil {
			return c.cannot("", "tell the init system", err)
		}
		return nil
	}
	c.out.note("weaver: a supervisor runs already (pid %d), this waits for its end", ping.PID)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-c.ctx.Done():
			end := *c
			end.ctx = context.WithoutCancel(c.ctx)
			return end.bootStop()
		case <-tick.C:
			if _, err := c.client.Ping(c.ctx); api.IsDown(err) {
				return nil // started again, we are the one
			}
		}
	}
}

// bootStop ends the supervisor as a shutdown of the machine does: the list of what is to run is kept.
func (c *call) bootStop() error {
	ping, err := c.client.Ping(c.ctx)
	if api.IsDown(err) {
		return nil
	}
	if err != nil {
		return err
	}
	pid := ping.AnchorPID
	if pid == 0 {
		pid = ping.PID
	}
	p, err := os.FindProcess(pid)
	if err == nil {
		err = p.Signal(terminate)
	}
	if err != nil {
		return c.cannot("", fmt.Sprintf("end the supervisor (pid %d)", pid), err)
	}
	for {
		if err := c.awaitGone(); err == nil || c.ctx.Err() != nil {
			return err
		}
		c.out.note("weaver: still waiting for services to stop")
	}
}

func (c *call) bootStatus() error {
	ping, err := c.client.Ping(c.ctx)
	if err != nil {
		c.out.say("not running\n")
		return exitCode(3) // LSB: the program is not running
	}
	c.out.say(fmt.Sprintf("running (pid %d, %d processes)\n", ping.PID, ping.Processes))
	return nil
}

// bootResurrect waits for the supervisor, and starts what was saved if it has nothing to run by itself.
func (c *call) bootResurrect() error {
	ctx, cancel := context.WithTimeout(c.ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		ping, err := c.client.Ping(ctx)
		if err == nil {
			if _, err := os.Stat(c.home.Dump()); err != nil || ping.Processes > 0 {
				return nil //nolint:nilerr // nothing was ever saved
			}
			return c.report(func(report func(app.Progress)) error { return c.client.Resurrect(c.ctx, report) })
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return err
		}
	}
}
