package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"

	"weaver/cli/hot"
	"weaver/config"
	"weaver/lock"
)

// maxRights is how many descriptors one message of a Unix socket takes (SCM_MAX_FD). Locks beyond it live as long as
// this process, which is the difference only if it is killed in the middle.
const maxRights = 253

// locked does do while it holds the locks of apps. The descriptors go along with the request, so that a lock lives until
// the operation ends even if this process is killed.
func (c *call) locked(apps []string, do func(fds []int) error) error {
	wait, err := c.lockTimeout()
	if err != nil {
		return err
	}
	if len(apps) == 0 || wait < 0 {
		return do(nil)
	}
	if err := os.MkdirAll(c.home.Locks(), 0o700); err != nil && !diskRefuses(err) {
		return c.cannot("", "lock "+apps[0], err)
	}
	ctx, cancel := context.WithTimeout(c.ctx, wait)
	defer cancel()
	files := make(map[string]string, len(apps))
	for _, name := range apps {
		files[hot.LockName(name)] = name
	}
	names := make([]string, 0, len(files))
	for f := range files {
		names = append(names, f)
	}
	slices.Sort(names) // everybody takes them in this order, so nobody waits in a circle
	var fds []int
	by := lock.Holder{PID: c.env.pid(), Command: c.line, Since: time.Now()}
	for _, f := range names {
		l, err := lock.Acquire(ctx, c.home.Locks()+"/"+f+".lock", by)
		if diskRefuses(err) { // the supervisor takes commands one after the other anyway; nobody is to be kept from stopping what runs
			c.out.note("weaver: %s goes without its lock: %v", files[f], err)
			continue
		}
		if err != nil {
			return c.lockError(files[f], wait, err)
		}
		defer l.Release()
		if len(fds) < maxRights {
			fds = append(fds, l.FD())
		}
	}
	return do(fds)
}

// diskRefuses says that no file can be made, whoever asks.
func diskRefuses(err error) bool {
	return errors.Is(err, syscall.EROFS) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// lockTimeout returns how long to wait for locks; negative is not to lock at all.
func (c *call) lockTimeout() (time.Duration, error) {
	if c.bool("no-lock") || c.home.Shared() { // locks are its owner's; the supervisor takes commands one after the other anyway
		return -1, nil
	}
	settings, err := config.LoadSettings(c.home)
	if err != nil {
		c.out.note("weaver: %v", err) // what could not be read has its default
	}
	if !settings.Lock.Enabled {
		return -1, nil
	}
	for _, w := range []struct{ what, text string }{
		{"option `--lock-timeout'", c.str("lock-timeout")},
		{"WEAVER_LOCK_TIMEOUT", c.env.Getenv("WEAVER_LOCK_TIMEOUT")},
	} {
		if w.text == "" {
			continue
		}
		ms, err := strconv.ParseUint(w.text, 10, 31)
		if err != nil {
			return 0, &usageError{message: fmt.Sprintf("%s needs milliseconds, not %q", w.what, w.text)}
		}
		return time.Duration(ms) * time.Millisecond, nil
	}
	return settings.Lock.Timeout, nil
}

// lockError names who holds what we waited for.
func (c *call) lockError(app string, wait time.Duration, err error) error {
	var held *lock.HeldError
	if !errors.As(err, &held) {
		return c.cannot("", "lock "+app, err)
	}
	if c.ctx.Err() != nil {
		return c.ctx.Err()
	}
	by := "another process"
	if h := held.Holder; h.PID != 0 {
		by = fmt.Sprintf("pid %d (%s) since %s", h.PID, h.Command, h.Since.Local().Format("2006-01-02 15:04:05"))
	}
	return c.cannot("wait for it, or give more time with --lock-timeout MS; weaver lock list shows all",
		"lock "+app, fmt.Errorf("held by %s; waited %v", by, wait))
}

func runLock(c *call) error {
	if err := c.findHome(); err != nil {
		return err
	}
	switch c.args[0] {
	case "list":
		return c.lockList()
	case "clear-stale":
		return c.lockClear()
	}
	return &usageError{fmt.Sprintf("unknown argument `%s'", c.args[0]), "weaver lock list|clear-stale"}
}

// jsonLock is one lock file as --json shows it.
type jsonLock struct {
	App     string    `json:"app"`
	Path    string    `json:"path"`
	Held    bool      `json:"held"`
	Stale   bool      `json:"stale"`
	PID     int       `json:"pid,omitempty"`
	Command string    `json:"command,omitempty"`
	Since   time.Time `json:"since,omitzero"`
}

func (c *call) lockList() error {
	infos, err := lock.List(c.home.Locks())
	if err != nil {
		return c.cannot("", "list the locks", err)
	}
	if c.bool("json") {
		list := make([]jsonLock, 0, len(infos))
		for _, i := range infos {
			list = append(list, jsonLock{i.Name, i.Path, i.Held, i.Stale, i.Holder.PID, i.Holder.Command, i.Holder.Since})
		}
		return c.out.value(list)
	}
	rows := [][]string{{"app", "state", "pid", "since", "command"}}
	for _, i := range infos {
		state := "unknown"
		switch {
		case i.Held:
			state = "held"
		case i.Stale:
			state = "free"
		}
		since := ""
		if !i.Holder.Since.IsZero() {
			since = i.Holder.Since.Local().Format("2006-01-02 15:04:05")
		}
		rows = append(rows, []string{i.Name, state, strconv.Itoa(i.Holder.PID), since, i.Holder.Command})
	}
	c.out.data(columns(rows))
	return nil
}

func (c *call) lockClear() error {
	paths, err := lock.ClearStale(c.home.Locks())
	if err != nil {
		return c.cannot("", "clear stale locks", err)
	}
	c.alters(paths...)
	if c.bool("json") {
		if paths == nil {
			paths = []string{}
		}
		return c.out.value(map[string]any{"removed": paths})
	}
	for _, p := range paths {
		c.out.data(p + "\n")
	}
	c.out.note("%d lock files removed", len(paths))
	return nil
}
