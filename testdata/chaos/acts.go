//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// act is something that is done to the world. It returns the service that it is about, nil for none.
type act struct {
	name   string
	weight int
	lasts  time.Duration // longer than usual
	stops  bool          // a service stays stopped
	do     func(*world) (*service, error)
}

// acts are what may happen, as often as their weights say.
var acts = []act{
	{name: "kill supervisor", weight: 5, do: func(w *world) (*service, error) { return nil, w.killOne("supervisor") }},
	{name: "kill anchor", weight: 5, do: func(w *world) (*service, error) { return nil, w.killOne("anchor") }},
	{name: "kill both", weight: 3, do: func(w *world) (*service, error) {
		now, err := w.look()
		if err != nil {
			return nil, err
		}
		kill(now.anchor)
		kill(now.supervisor)
		return nil, w.command("ping") // by anybody
	}},
	{name: "kill service", weight: 4, do: func(w *world) (*service, error) {
		s := w.some(true)
		now, err := w.look()
		if err != nil {
			return nil, err
		}
		w.load.touch(s)
		for _, p := range now.mains[s.name] {
			kill(p.pid)
		}
		return s, nil
	}},
	{name: "restart", weight: 3, do: func(w *world) (*service, error) { return w.about("restart", true) }},
	{name: "reload", weight: 2, do: func(w *world) (*service, error) { return w.about("reload", true) }},
	{name: "stop", weight: 3, stops: true, do: func(w *world) (*service, error) {
		s := w.stoppable()
		s.up.Store(false)
		w.load.touch(s)
		return s, w.command("stop", s.name)
	}},
	{name: "start", weight: 3, do: func(w *world) (*service, error) {
		s := w.some(false)
		s.up.Store(true)
		return s, w.command("start", s.name)
	}},
	{name: "stop while the supervisor dies", weight: 3, stops: true, do: func(w *world) (*service, error) {
		s := w.stoppable()
		now, err := w.look()
		if err != nil {
			return nil, err
		}
		w.load.touch(s)
		done := make(chan error, 1)
		go func() { done <- w.command("stop", s.name) }()
		time.Sleep(time.Duration(w.rand.IntN(30)) * time.Millisecond)
		kill(now.supervisor)
		s.up.Store(false)
		return s, <-done // its successor is asked again, and says how it went
	}},
	{name: "restart while both die", weight: 2, do: func(w *world) (*service, error) {
		s := w.some(true)
		now, err := w.look()
		if err != nil {
			return nil, err
		}
		w.load.touch(s)
		done := make(chan error, 1)
		go func() { done <- w.command("restart", s.name) }()
		time.Sleep(time.Duration(w.rand.IntN(30)) * time.Millisecond)
		kill(now.anchor)
		kill(now.supervisor)
		return s, <-done
	}},
	{name: "scale", weight: 2, do: func(w *world) (*service, error) {
		s := w.scalable()
		if s == nil {
			return nil, nil
		}
		n := w.other(s)
		s.instances.Store(n)
		return s, w.command("scale", s.name, fmt.Sprint(n))
	}},
	{name: "scale while the supervisor dies", weight: 2, do: func(w *world) (*service, error) {
		now, err := w.look()
		s := w.scalable()
		if err != nil || s == nil {
			return nil, err
		}
		n := w.other(s)
		done := make(chan error, 1)
		go func() { done <- w.command("scale", s.name, fmt.Sprint(n)) }()
		time.Sleep(time.Duration(w.rand.IntN(60)) * time.Millisecond)
		kill(now.supervisor)
		s.instances.Store(n)
		return s, <-done
	}},
	{name: "disk full", weight: 2, lasts: 3 * time.Second, do: func(w *world) (*service, error) {
		if !w.mounted {
			return nil, nil
		}
		full := filepath.Join(w.home, "full")
		if err := fill(full); err != nil {
			return nil, err
		}
		time.Sleep(time.Duration(100+w.rand.IntN(1500)) * time.Millisecond)
		now, err := w.look()
		if err != nil {
			return nil, err
		}
		switch w.rand.IntN(3) {
		case 0:
			kill(now.supervisor)
		case 1:
			kill(now.anchor)
		}
		time.Sleep(time.Duration(w.rand.IntN(300)) * time.Millisecond)
		return nil, os.Remove(full)
	}},
	{name: "update", weight: 2, do: func(w *world) (*service, error) { return nil, w.command("update") }},
	{name: "remove socket", weight: 1, lasts: 2 * time.Second, do: func(w *world) (*service, error) {
		path := filepath.Join(w.home, "weaver.sock")
		if err := os.Remove(path); err != nil {
			return nil, err
		}
		return nil, until("the socket is there again", func() bool { _, err := os.Stat(path); return err == nil })
	}},
	{name: "remove lock", weight: 1, lasts: 3 * time.Second, do: func(w *world) (*service, error) {
		path := filepath.Join(w.home, "daemon.lock")
		if err := os.Remove(path); err != nil {
			return nil, err
		}
		return nil, until("the lock is there again", func() bool { _, err := os.Stat(path); return err == nil })
	}},
	{name: "restart all while all die", weight: 3, do: func(w *world) (*service, error) {
		now, err := w.look()
		if err != nil {
			return nil, err
		}
		for _, s := range w.wished {
			w.load.touch(s)
		}
		verb := []string{"restart", "reload"}[w.rand.IntN(2)]
		var names []string
		for _, s := range w.wished {
			if s.up.Load() {
				names = append(names, s.name)
			}
		}
		cmd := w.weaverCommand(append([]string{verb}, names...)...)
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		time.Sleep(time.Duration(w.rand.IntN(400)) * time.Millisecond)
		both := w.rand.IntN(2) == 0
		if both {
			kill(now.anchor)
		}
		kill(now.supervisor)
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
		w.all = time.Now()
		if both {
			return nil, w.command("ping")
		}
		return nil, nil
	}},
	{name: "stop the anchor and kill the supervisor", weight: 1, lasts: 20 * time.Second, do: func(w *world) (*service, error) {
		now, err := w.look()
		if err != nil {
			return nil, err
		}
		if err := syscall.Kill(now.anchor, syscall.SIGSTOP); err != nil {
			return nil, err
		}
		kill(now.supervisor)
		return nil, w.command("list") // which has it go on
	}},
	{name: "stop the supervisor's process", weight: 1, lasts: 20 * time.Second, do: func(w *world) (*service, error) {
		if err := w.command("ping"); err != nil { // one that is stopped while it begins has a minute
			return nil, err
		}
		now, err := w.look()
		if err != nil {
			return nil, err
		}
		if err := syscall.Kill(now.supervisor, syscall.SIGSTOP); err != nil {
			return nil, err
		}
		return nil, w.awaitOther("supervisor", now.supervisor)
	}},
}

// pick decides what to do, of what fits into the time that is left.
func (w *world) pick(left time.Duration) act {
	for {
		n := w.rand.IntN(100)
		for _, a := range acts {
			if n -= 2 * a.weight; n >= 0 {
				continue
			}
			if a.lasts <= left && w.possible(a) {
				return a
			}
			break
		}
	}
}

// some picks a service that is up, or one that is not; nil if there is none.
func (w *world) some(up bool) *service {
	return w.anyOf(func(s *service) bool { return s.up.Load() == up })
}

// possible says whether there is something to be started, or stopped: most services run all the time, however long it lasts.
func (w *world) possible(a act) bool {
	stopped := 0
	for _, s := range w.wished {
		if !s.up.Load() {
			stopped++
		}
	}
	if a.name == "start" {
		return stopped > 0
	}
	return !a.stops || stopped < len(w.wished)/4
}

// stoppable picks a service that stays stopped: the next tick of its schedule would start one, as with PM2.
func (w *world) stoppable() *service {
	return w.anyOf(func(s *service) bool { return s.up.Load() && s.role != "cron" })
}

func (w *world) anyOf(fits func(*service) bool) *service {
	var of []*service
	for _, s := range w.wished {
		if fits(s) {
			of = append(of, s)
		}
	}
	if len(of) == 0 {
		return nil
	}
	return of[w.rand.IntN(len(of))]
}

// about runs a command on some service.
func (w *world) about(verb string, up bool) (*service, error) {
	s := w.some(up)
	if s.role != "cluster" || verb != "reload" { // which loses nothing
		w.load.touch(s)
	}
	return s, w.command(verb, s.name)
}

// scalable picks a service of which there may be several.
func (w *world) scalable() *service {
	return w.anyOf(func(s *service) bool {
		return s.up.Load() && (s.role == "cluster" || s.role == "count" || s.role == "fork")
	})
}

// other is a number of instances that it has not.
func (w *world) other(s *service) int32 {
	n := s.instances.Load()
	for n == s.instances.Load() {
		n = 1 + w.rand.Int32N(3)
	}
	return n
}

// fill writes a file until the disk is full.
func fill(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	block := make([]byte, 1<<20)
	for len(block) > 0 {
		if _, err = f.Write(block); err != nil {
			block = block[:len(block)/2]
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		return err
	}
	return nil
}

// killOne kills the supervisor or the anchor, and returns when another one is there.
func (w *world) killOne(which string) error {
	now, err := w.look()
	if err != nil {
		return err
	}
	pid := now.supervisor
	if which == "anchor" {
		pid = now.anchor
	}
	kill(pid)
	return w.awaitOther(which, pid)
}

func (w *world) awaitOther(which string, pid int) error {
	return until("there is another "+which, func() bool {
		now, err := w.look()
		if err != nil {
			return false
		}
		if which == "anchor" {
			return now.anchor != 0 && now.anchor != pid
		}
		return now.supervisor != 0 && now.supervisor != pid
	})
}

// patience is for a machine that has other things to do, too.
const patience = 60 * time.Second

func until(what string, is func() bool) error {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if is() {
			return nil
		}
	}
	return fmt.Errorf("not within %v: %s", patience, what)
}

func kill(pid int) {
	if pid > 1 {
		_ = syscall.Kill(pid, syscall.SIGKILL) // it may be gone
	}
}
