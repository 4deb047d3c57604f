package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"weaver/api"
	"weaver/cli/hot"
	"weaver/config/home"
	"weaver/lock"
)

// readyTimeout bounds everything from taking spawn.lock to the daemon's first answer.
const readyTimeout = 15 * time.Second

// pingTimeout is for a daemon that is there but does not answer: worth an error, not a hang.
const pingTimeout = 5 * time.Second

// ensureDaemon sees that a daemon runs, and starts one if none does. However many come at once, spawn.lock lets one of
// them start it; the others find it there.
func (c *call) ensureDaemon() error {
	up, err := c.daemonUp()
	if up || err != nil {
		return err
	}
	if c.env.Dial != nil {
		return errEnding
	}
	if err := c.prepareHome(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.ctx, readyTimeout)
	defer cancel()
	l, err := lock.Acquire(ctx, c.home.SpawnLock(), lock.Holder{PID: os.Getpid(), Command: c.line, Since: time.Now()})
	if err != nil {
		return c.cannot("see "+c.home.AnchorLog(), "start the supervisor", err)
	}
	defer l.Release()
	if up, err := c.daemonUp(); up || err != nil {
		return err
	}
	return c.startDaemon(ctx)
}

// daemonUp reports whether a daemon answers. Any error but "nobody there" is one.
func (c *call) daemonUp() (bool, error) {
	if err := c.findHome(); err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(c.ctx, pingTimeout)
	defer cancel()
	ping, err := c.client.Ping(ctx)
	switch {
	case err == nil:
		c.skew(ping.Version)
		return true, nil
	case api.IsDown(err):
		return false, nil
	}
	if forbidden(err) { // it is there, and says what is missing
		return false, err
	}
	if last := lastLine(c.home.AnchorLog()); last != "" { // it watches
		err = fmt.Errorf("%w; the anchor said last: %s", err, last)
	}
	return false, c.cannot("see "+c.home.DaemonLog(), "reach the supervisor", err)
}

// forbidden says that the daemon has no ear for this user, or not for this.
func forbidden(err error) bool {
	var e *api.Error
	return errors.As(err, &e) && e.Kind == api.Forbidden
}

// skew says, once, that the supervisor is of another version than this front end.
func (c *call) skew(version string) {
	if version == "" || version == c.env.Version || c.out == nil || c.cmd != nil && c.cmd.name == "update" || c.skewTold.Swap(true) {
		return
	}
	c.out.note("%s", hot.Skew(version, c.env.Version, program(c.env)))
}

// prepareHome makes the home, and refuses one that cannot work or is not ours.
func (c *call) prepareHome() error {
	dir := c.home.Dir
	variable := "WEAVER_HOME"
	if home.PersonaOf(c.env.Argv0) == home.PM2 {
		variable = "PM2_HOME"
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return c.cannot("set "+variable+" to a directory that you can write to", "make the home "+dir, err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return c.cannot("", "look at the home "+dir, err)
	}
	if uid, ours := owned(info); !ours {
		return c.cannot(fmt.Sprintf("become that user, or set %s to a directory of your own", variable),
			"use the home "+dir, fmt.Errorf("it belongs to user %d", uid))
	}
	// PM2's homes are open to be read by others; what is in them is weaver's to protect.
	// One that can only be passed through is how a supervisor shares it, which closes it when it does not.
	if mode := info.Mode().Perm(); mode&0o077 != 0 && mode != 0o711 && !c.home.PM2 {
		if err := os.Chmod(dir, 0o700); err != nil {
			return c.cannot("", "close the home to others", err)
		}
	}
	for _, inside := range []string{c.home.Logs(), c.home.PIDs(), c.home.Locks(), c.home.Journal(), c.home.Metrics()} {
		info, err := os.Lstat(inside)
		if err != nil {
			continue // it is made when it is needed
		}
		if info.IsDir() && (inside == c.home.Logs() || inside == c.home.PIDs()) {
			continue // a container's volume may be anybody's, and what is opened in these two follows no links of others
		}
		if uid, ours := owned(info); !ours && uid != 0 { // they made it while they could write here: it may lead anywhere
			return c.cannot("remove it", "use "+inside, fmt.Errorf("it belongs to user %d", uid))
		}
	}
	// lock.Acquire would say it too, but of a file nobody has heard of.
	probe, err := os.OpenFile(c.home.SpawnLock(), os.O_CREATE|os.O_RDWR|noFollow, 0o600)
	if err != nil {
		return c.cannot("set "+variable+" to a directory that you can write to", "write into the home "+dir, err)
	}
	if err := probe.Close(); err != nil {
		return err
	}
	return c.furnish()
}

// furnish makes the files that PM2 makes in a home of its own, before the daemon starts: they tell it whose home it is.
func (c *call) furnish() error {
	if !c.home.PM2 {
		return nil
	}
	now := strconv.FormatInt(time.Now().UnixMilli(), 10)
	for path, text := range map[string]string{c.home.ModuleConf(): "{}", c.home.Touch(): now} {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err == nil {
			_, err = f.WriteString(text)
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			return c.cannot("", "write "+path, err)
		}
	}
	return nil
}

// errKilled is the end of an anchor that somebody killed before it had said anything.
var errKilled = errors.New("it was killed")

// maxStarts is how often an anchor is started that is killed meanwhile.
const maxStarts = 4

// startDaemon starts the anchor, and once more if that is killed: its supervisor may have taken its place by then, which the
// next one says.
func (c *call) startDaemon(ctx context.Context) error {
	for try := 1; ; try++ {
		err := c.startAnchor(ctx)
		if !errors.Is(err, errKilled) || try == maxStarts || ctx.Err() != nil {
			return err
		}
	}
}

// startAnchor starts the anchor, detached from this terminal, and waits for its word.
func (c *call) startAnchor(ctx context.Context) error {
	const doing = "start the supervisor"
	self, anchor, err := c.executables()
	if err != nil {
		return c.cannot("weaver and weaverd belong into the same directory", doing, err)
	}
	ready, theirs, err := os.Pipe()
	if err != nil {
		return c.cannot("", doing, err)
	}
	defer ready.Close()
	defer theirs.Close()
	logFile, err := os.OpenFile(c.home.AnchorLog(), os.O_CREATE|os.O_WRONLY|os.O_APPEND|noFollow, 0o600)
	if err != nil {
		return c.cannot("", doing, err)
	}
	defer logFile.Close()
	cmd := exec.Command(anchor, "--anchor", c.home.Dir, self) // outlives ctx on purpose
	cmd.Args[0] = "weaver"
	cmd.Dir = c.home.Dir
	cmd.Env = daemonEnviron(c.env.Environ)
	cmd.Stdout, cmd.Stderr = logFile, logFile
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.SysProcAttr = detached()
	if err := cmd.Start(); err != nil {
		return c.cannot("", doing, err)
	}
	theirs.Close()
	if deadline, ok := ctx.Deadline(); ok {
		ready.SetReadDeadline(deadline) // a pipe has one, except where the OS has none
	}
	stop := context.AfterFunc(ctx, func() { ready.SetReadDeadline(time.Now()) })
	defer stop()
	word, err := io.ReadAll(io.LimitReader(ready, 64<<10))
	return c.anchorSays(ctx, cmd, string(word), err)
}

// anchorSays acts on what the anchor wrote into the ready pipe.
func (c *call) anchorSays(ctx context.Context, cmd *exec.Cmd, word string, readErr error) error {
	const doing = "start the supervisor"
	hint := "see " + c.home.AnchorLog()
	verdict, text, _ := strings.Cut(strings.TrimSpace(word), " ")
	switch {
	case verdict == "ok":
		c.started(text)
		cmd.Process.Release()
		return nil
	case verdict == "held":
		cmd.Wait() // it ends by itself: the lock is another anchor's
		return c.awaitDaemon(ctx)
	case verdict == "error":
		cmd.Wait()
		return c.cannot(hint, doing, errors.New(text))
	case errors.Is(readErr, os.ErrDeadlineExceeded):
		cmd.Process.Release()
		if c.ctx.Err() != nil {
			return c.ctx.Err()
		}
		return c.cannot(hint, doing, fmt.Errorf("it has not answered within %v", readyTimeout))
	}
	err := cmd.Wait()
	switch {
	case err == nil:
		err = errors.New("it ended without a word")
	case !cmd.ProcessState.Exited():
		err = fmt.Errorf("%w (%w)", errKilled, err)
	}
	if last := lastLine(c.home.AnchorLog()); last != "" {
		err = fmt.Errorf("%w: %s", err, last)
	}
	return c.cannot(hint, doing, err)
}

// started says that there is a daemon now: on stderr, so that `jlist` stays JSON.
func (c *call) started(pid string) {
	if c.quiet {
		return
	}
	if home.PersonaOf(c.env.Argv0) == home.PM2 {
		c.out.note("[PM2] Spawning PM2 daemon with pm2_home=%s", c.home.Dir)
		c.out.note("[PM2] PM2 Successfully daemonized")
		return
	}
	c.out.note("weaver: started the supervisor (pid %s, home %s)", pid, c.home.Dir)
}

// awaitDaemon waits for the daemon of an anchor that was there before, but did not answer yet: one that starts, or that
// is about to end and let go of the lock.
func (c *call) awaitDaemon(ctx context.Context) error {
	if up, err := c.awaitDaemonOrEnd(ctx); up || err != nil {
		return err
	}
	return c.startDaemon(ctx)
}

// awaitDaemonOrEnd waits until a daemon answers, or there is no anchor that could bring one.
func (c *call) awaitDaemonOrEnd(ctx context.Context) (up bool, err error) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if up, err := c.daemonUp(); up || err != nil {
			return up, err
		}
		l, err := lock.Try(c.home.DaemonLock(), lock.Holder{PID: os.Getpid(), Command: c.line, Since: time.Now()})
		if err == nil {
			return false, l.Release()
		}
		var held *lock.HeldError
		if !errors.As(err, &held) {
			return false, c.cannot("", "see whether a supervisor runs", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			pid := strconv.Itoa(held.Holder.PID)
			return false, c.cannot("see "+c.home.AnchorLog()+"; to end it: kill "+pid, "reach the supervisor",
				fmt.Errorf("its anchor (pid %s) runs, but it has not answered within %v", pid, readyTimeout))
		}
	}
}

// executables finds weaverd, which is this program, and weaver beside it, else on PATH.
func (c *call) executables() (self, anchor string, err error) {
	self, err = filepath.EvalSymlinks(c.env.SelfPath)
	if err != nil {
		return "", "", fmt.Errorf("find weaverd: %w", err)
	}
	for _, dir := range []string{filepath.Dir(self), filepath.Dir(c.env.SelfPath)} {
		anchor = filepath.Join(dir, "weaver")
		if path, err := exec.LookPath(anchor); err == nil {
			return self, path, nil
		}
	}
	for dir := range strings.SplitSeq(c.env.Getenv("PATH"), string(os.PathListSeparator)) {
		if path, err := exec.LookPath(filepath.Join(dir, "weaver")); err == nil && filepath.IsAbs(path) {
			return self, path, nil
		}
	}
	return "", "", fmt.Errorf("no executable weaver beside %s or on PATH", self)
}

// daemonEnviron is the caller's environment without what belongs to a Node parent of the caller.
func daemonEnviron(environ []string) []string {
	out := make([]string, 0, len(environ))
	for _, kv := range environ {
		switch name, _, _ := strings.Cut(kv, "="); name {
		case "NODE_CHANNEL_FD", "NODE_CHANNEL_SERIALIZATION_MODE", "NODE_UNIQUE_ID":
		default:
			out = append(out, kv)
		}
	}
	return out
}

// lastLine is the last line of a short log, for an error; "" if there is none.
func lastLine(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	data = bytes.TrimSpace(data)
	return string(data[bytes.LastIndexByte(data, '\n')+1:])
}
