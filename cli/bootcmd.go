package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
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
		{name: "ready-fd", arity: one, meta: "N", help: "write a line to descriptor N once all is started, for s6"},
	}
}

// runBoot is what init systems call. Without a flag this process becomes the anchor, for them to supervise.
func runBoot(c *call) error {
	if err := c.findHome(); err != nil {
		return err
	}
	ready, err := c.readyFile()
	if err != nil {
		return err
	}
	switch {
	case c.bool("stop"):
		return c.bootStop()
	case c.bool("status"):
		return c.bootStatus()
	case c.bool("resurrect"):
		return c.bootResurrect(ready)
	case c.bool("detach"):
		if err := c.ensureDaemon(); err != nil {
			return err
		}
		return c.bootResurrect(ready)
	}
	for {
		ping, err := c.client.Ping(c.ctx)
		switch {
		case err == nil:
			return c.join(ping, ready)
		case !api.IsDown(err):
			return err
		}
		if err := c.prepareHome(); err != nil {
			return err
		}
		if err := c.becomeAnchor(ready); err != nil {
			return err
		}
	}
}

// readyFile is where the init system wants to hear that all is started: nil if it does not. No program inherits it by accident.
func (c *call) readyFile() (*os.File, error) {
	text := c.str("ready-fd")
	if text == "" {
		return nil, nil
	}
	fd, err := strconv.Atoi(text)
	if err != nil || fd <= 2 {
		return nil, c.cannot("", "tell the init system", fmt.Errorf("%q is no descriptor above 2", text))
	}
	f, err := openDescriptor(fd)
	if err != nil {
		return nil, c.cannot("", "tell the init system", fmt.Errorf("descriptor %d: %w", fd, err))
	}
	return f, nil
}

// sayReady writes the line that s6 waits for, once.
func sayReady(f *os.File) error {
	if f == nil {
		return nil
	}
	_, err := f.WriteString("\n")
	return errors.Join(err, f.Close())
}

// becomeAnchor turns this process into the anchor. What was saved is resurrected by a child, once the supervisor answers;
// it also says that all is started.
func (c *call) becomeAnchor(ready *os.File) error {
	self, anchor, err := c.executables()
	if err != nil {
		return c.cannot("", "start the supervisor", err)
	}
	after := exec.Command(self, "boot", "--resurrect")
	after.Args[0] = c.env.Argv0
	after.Env, after.Dir, after.SysProcAttr = c.env.Environ, c.home.Dir, detached()
	after.Stderr = os.Stderr
	if ready != nil {
		after.Args = append(after.Args, "--ready-fd", "3") // the first of:
		after.ExtraFiles = []*os.File{ready}
	}
	if err := after.Start(); err != nil {
		return c.cannot("", "start what was saved", err)
	}
	// From here on a signal ends this process, until the anchor has it: one that came before is known by now, or a moment later.
	signal.Reset(os.Interrupt, terminate)
	select {
	case <-c.ctx.Done(): // it was asked to end already, which the anchor would not know
		_ = after.Process.Kill()
		return c.ctx.Err()
	case <-time.After(5 * time.Millisecond):
	}
	err = replace(anchor, []string{"weaver", "--anchor", c.home.Dir, self}, daemonEnviron(c.env.Environ))
	return c.cannot("", "run "+anchor, err)
}

// join is for a supervisor that runs already, with the one who asks to supervise it: after the death of its anchor, or
// when somebody started it by hand. systemd is told who it is; the others wait until it ends, and pass on the wish that it does.
func (c *call) join(ping api.Ping, ready *os.File) error {
	if socket := c.env.Getenv("NOTIFY_SOCKET"); socket != "" {
		if err := notify(socket, "MAINPID="+strconv.Itoa(ping.AnchorPID)+"\nREADY=1\nSTATUS=joined a supervisor that runs"); err != nil {
			return c.cannot("", "tell the init system", err)
		}
		return nil
	}
	if err := sayReady(ready); err != nil {
		return c.cannot("", "tell the init system", err)
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

// bootStop ends the supervisor as a shutdown of the machine does: the list of what is to run is kept. An anchor that has just died
// is replaced at once: then that one is asked.
func (c *call) bootStop() error {
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
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
		if err == nil {
			break
		}
		if !errors.Is(err, os.ErrProcessDone) || time.Since(began) > replacedTime {
			return c.cannot("", fmt.Sprintf("end the supervisor (pid %d)", pid), err)
		}
	}
	for {
		if err := c.awaitGone(); err == nil || c.ctx.Err() != nil {
			return err
		}
		c.out.note("weaver: still waiting for services to stop")
	}
}

// replacedTime is how long it may take until a supervisor has taken the place of its anchor.
const replacedTime = 10 * time.Second

func (c *call) bootStatus() error {
	ping, err := c.client.Ping(c.ctx)
	if err != nil {
		c.out.say("not running\n")
		return exitCode(3) // LSB: the program is not running
	}
	c.out.say(fmt.Sprintf("running (pid %d, %d processes)\n", ping.PID, ping.Processes))
	return nil
}

// bootResurrect waits for the supervisor, and starts what was saved if it has nothing to run by itself. Then all is ready:
// a service that cannot start does not keep those from starting that wait for weaver.
func (c *call) bootResurrect(ready *os.File) error {
	ctx, cancel := context.WithTimeout(c.ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		ping, err := c.client.Ping(ctx)
		if err == nil {
			if _, err := os.Stat(c.home.Dump()); err != nil || ping.Processes > 0 {
				return sayReady(ready) // nothing was ever saved, or it runs
			}
			err := c.report(func(report func(app.Progress)) error { return c.client.Resurrect(c.ctx, report) })
			if deaf := sayReady(ready); err == nil {
				err = deaf
			}
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return err
		}
	}
}
