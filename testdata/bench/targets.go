//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	groupService = "weaver service"

	subList = "list" // weaver's own, which a lazy start is held against

	answerLimit = 1.5 // times the bare program, from a start to its first answer
	lazyLimit   = 2   // times list
	crowdLimit  = 2   // times as many hello-world binaries at once
	answerPM2   = 2   // times PM2's speed
)

// target is a start of n programs by as many command lines at once.
type target struct {
	id, name string
	n        int
}

// targets measures what the tests of `weaver service` were about: how soon a service answers, and what many who ask at once
// wait for. (Help and list are among the command lines.)
func (b *bench) targets() error {
	crowds := []crowd{
		{"target-status-10", 10, []string{"service", "status", "site"}, []string{"describe", "site"}},
		{"target-metrics-20", 20, []string{"service", "metrics", "site"}, []string{"jlist"}},
		{"target-health-50", 50, []string{"service", "health", "site"}, nil},
		{"target-status-100", 100, []string{"service", "status", "site"}, nil},
		{"target-status-200", 200, []string{"service", "status", "site"}, nil},
	}
	ids := []string{"target-answer", "target-five", "target-lazy", "target-warm"}
	for _, c := range crowds {
		ids = append(ids, c.id)
	}
	if !b.wants(ids...) {
		return nil
	}
	if _, err := exec.LookPath("node"); err != nil {
		return errors.New("no node on PATH")
	}
	script := b.dirs.path("site.js")
	if err := os.WriteFile(script, []byte(webProgram), 0o600); err != nil {
		return err
	}
	all := b.managers(b.dirs.home, groupService, true)
	defer func() { endAll(all) }()
	for _, t := range []target{{"target-answer", "start → first HTTP 200", 1}, {"target-five", "five starts at once → all answer", 5}} {
		if b.wants(t.id) {
			b.answer(t, script, all)
		}
	}
	if len(all) == 0 || all[0].name != subWeaver {
		return nil
	}
	if b.wants("target-lazy") {
		b.lazy(script, all[0])
	}
	if b.wants("target-warm") {
		b.warm(script, all)
	}
	return b.crowds(crowds, script, all)
}

// answer measures starts until what was started answers.
func (b *bench) answer(t target, script string, all []*manager) {
	subjects := []*subject{{name: subBare, measure: func() (float64, error) {
		var cmds []*exec.Cmd
		defer func() {
			for _, c := range cmds {
				killTree([]int{c.Process.Pid})
				c.Wait()
			}
		}()
		return untilAnswered(t.n, func(_, port int) error {
			cmd := exec.Command("node", script)
			cmd.Env = append(cleanEnviron(), "PORT="+strconv.Itoa(port))
			if err := cmd.Start(); err != nil {
				return err
			}
			cmds = append(cmds, cmd)
			return nil
		}, false)
	}}}
	for _, m := range all {
		s := &subject{name: m.name, prepare: func() error {
			for i := range t.n {
				_ = m.do("delete", fmt.Sprintf("site-%d", i)) // there may be none yet
			}
			return nil
		}}
		if m.name == subPM2 {
			s.every = max(b.scale.pm2Every/4, 1)
		}
		s.measure = func() (float64, error) {
			return untilAnswered(t.n, func(i, port int) error {
				env := append(m.env[:len(m.env):len(m.env)], "PORT="+strconv.Itoa(port))
				words := []string{m.bin, "start", script, "--name", fmt.Sprintf("site-%d", i)}
				if m.name == subWeaver {
					words = []string{m.bin, "service", "start", fmt.Sprintf("site-%d", i), "--script", script}
				}
				_, err := b.call.run(env, words...)
				return err
			}, true)
		}
		subjects = append(subjects, s)
	}
	r := interleave(b.scale.rounds/10, time.Duration(b.scale.budgetSeconds)*time.Second, subjects...)
	r.atMost(answerLimit, subBare)
	r.speed(answerPM2, subPM2, subPM2)
	r.Note = "A Node program that serves HTTP, until it has answered and the command line has returned; bare: `node site.js`"
	b.add(r, t.id, groupService, t.name, seconds)
	for _, m := range all {
		for i := range t.n {
			_ = m.do("delete", fmt.Sprintf("site-%d", i)) // the next one has names of its own
		}
	}
}

// untilAnswered starts n programs, each on a port of its own, side by side if told so, and returns how long it took until all
// answered and all starts had returned.
func untilAnswered(n int, start func(i, port int) error, atOnce bool) (float64, error) {
	ports := make([]int, n)
	for i := range ports {
		var err error
		if ports[i], err = freePort(); err != nil {
			return 0, err
		}
	}
	errs := make([]error, 2*n)
	var wg sync.WaitGroup
	begin := monotonic()
	for i, port := range ports {
		if atOnce {
			wg.Go(func() { errs[i] = start(i, port) })
		} else {
			errs[i] = start(i, port)
		}
		wg.Go(func() { errs[n+i] = firstAnswer(port) })
	}
	wg.Wait()
	return float64(monotonic()-begin) / 1e9, errors.Join(errs...)
}

// firstAnswer returns when a port answers a request.
func firstAnswer(port int) (err error) {
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(500 * time.Microsecond) {
		var done atomic.Int64
		if err = ask(port, false, end, &done); err == nil {
			return nil
		}
	}
	return err
}

// lazy measures a start that waits for nothing, against a list.
func (b *bench) lazy(script string, m *manager) {
	list := &subject{name: subList, measure: func() (float64, error) { return m.run("list") }}
	start := &subject{name: m.name, prepare: func() error {
		_ = m.do("delete", "lazy") // there may be none yet
		return nil
	}, measure: func() (float64, error) {
		port, err := freePort()
		if err != nil {
			return 0, err
		}
		env := append(m.env[:len(m.env):len(m.env)], "PORT="+strconv.Itoa(port))
		wall, err := b.call.run(env, m.bin, "service", "start", "lazy", "--script", script, "--lazy-init")
		return wall.Seconds(), err
	}}
	r := interleave(b.scale.rounds/3, time.Duration(b.scale.budgetSeconds)*time.Second, list, start)
	r.atMost(lazyLimit, subList)
	r.Note = "Until the command line returns: the process is spawned and recorded, what it needs to be ready goes on behind"
	b.add(r, "target-lazy", groupService, "`service start --lazy-init`", seconds)
	_ = m.do("delete", "lazy") // the home goes away with the bench
}

// crowd is n command lines at once, and PM2's for the same; nil is none.
type crowd struct {
	id         string
	n          int
	words, pm2 []string
}

// crowds measures how long it takes until all of a crowd have been answered. All of them have to be.
func (b *bench) crowds(list []crowd, script string, all []*manager) error {
	for _, m := range all {
		port, err := freePort()
		if err != nil {
			return err
		}
		env := append(m.env[:len(m.env):len(m.env)], "PORT="+strconv.Itoa(port))
		if _, err = b.call.run(env, m.bin, "start", script, "--name", "site"); err == nil {
			err = firstAnswer(port)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(m.bin), err)
		}
	}
	for _, c := range list {
		if !b.wants(c.id) {
			continue
		}
		subjects := []*subject{b.together(subHello, c.n, os.Environ(), b.floor.hello)}
		for _, m := range all {
			words := c.words
			if m.name == subPM2 {
				words = c.pm2
			}
			if words == nil {
				continue // PM2 takes a minute for a hundred at once
			}
			s := b.together(m.name, c.n, m.env, append([]string{m.bin}, words...)...)
			if m.name == subPM2 {
				s.every = max(b.scale.pm2Every/4, 1)
			}
			subjects = append(subjects, s)
		}
		r := interleave(b.scale.rounds/10, time.Duration(b.scale.budgetSeconds)*time.Second, subjects...)
		r.atMost(crowdLimit, subHello)
		if c.pm2 != nil {
			r.speed(pm2Calls/5, subPM2, subPM2)
		}
		b.add(r, c.id, groupService, fmt.Sprintf("%d × `%s` at once", c.n, strings.Join(c.words[:2], " ")), seconds)
	}
	return nil
}

// together runs n copies of a command line at once; one that fails is a failure.
func (b *bench) together(name string, n int, env []string, argv ...string) *subject {
	return &subject{name: name, measure: func() (float64, error) {
		errs := make([]error, n)
		var wg sync.WaitGroup
		begin := monotonic()
		for i := range n {
			wg.Go(func() { _, errs[i] = b.call.run(env, argv...) })
		}
		wg.Wait()
		return float64(monotonic()-begin) / 1e9, errors.Join(errs...)
	}}
}
