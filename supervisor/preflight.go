package supervisor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"time"

	"weaver/app"
	"weaver/procstat"
)

// preflight sees that a new app can run: its data is sound, its port is free. It may change the port. say tells of that.
func (s *Supervisor) preflight(ctx context.Context, spec *app.Spec, say func(string)) error {
	if err := s.sound(ctx, spec, say); err != nil {
		return err
	}
	return s.havePort(ctx, spec, say)
}

// havePort sees that an app can have its port. Where that is taken it waits, or changes it, if the app wants that.
func (s *Supervisor) havePort(ctx context.Context, spec *app.Spec, say func(string)) error {
	if !checksPort(spec) {
		return nil
	}
	ours := func(pid int) bool { return s.isOf(spec, pid) }
	port := *spec.Port
	err := free(port, ours)
	for try, wait := 0, firstPortWait; err != nil && try < spec.PortRetry; try, wait = try+1, min(wait*2, longestPortWait) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
		err = free(port, ours)
	}
	if err == nil || !spec.AutoPort {
		return err
	}
	for next := port + 1; next <= 65535; next++ {
		if free(next, ours) == nil {
			say(fmt.Sprintf("%v, using port %d", err, next))
			*spec = spec.Clone()
			spec.Port = &next
			spec.Env.Set("PORT", strconv.Itoa(next))
			return nil
		}
	}
	return err
}

func checksPort(spec *app.Spec) bool {
	return spec.Port != nil && (spec.PortCheck || spec.AutoPort || spec.PortRetry > 0)
}

// isOf reports that a process is one of an app that exists, or holds a socket for it: it is in nobody's way.
func (s *Supervisor) isOf(spec *app.Spec, pid int) bool {
	if pid == os.Getpid() {
		return spec.Mode == app.Cluster || len(spec.Listen) > 0
	}
	for _, v := range s.views() {
		if v.Name == spec.Name && v.PID != 0 && slices.Contains(s.Tree(v.ID), pid) {
			return true
		}
	}
	return false
}

// Pauses between looks for a port that is taken.
const (
	firstPortWait   = 100 * time.Millisecond
	longestPortWait = 5 * time.Second
)

// free says who has a port, if somebody has who is none of ours.
func free(port int, ours func(pid int) bool) error {
	for _, network := range []string{"tcp4", "tcp6"} {
		l, err := net.Listen(network, ":"+strconv.Itoa(port))
		switch {
		case err == nil:
			l.Close()
		case isInUse(err):
			text := fmt.Sprintf("port %d is already in use", port)
			if pid, name := procstat.Owner(port); ours(pid) {
				return nil
			} else if pid != 0 {
				text += fmt.Sprintf(" by pid %d (%s)", pid, name)
			}
			return errors.New(text)
		case network == "tcp4":
			return fmt.Errorf("port %d: %w", port, err)
		} // no IPv6 here is no reason
	}
	return nil
}
