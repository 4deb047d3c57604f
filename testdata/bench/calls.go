//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"syscall"
	"time"
)

const groupCalls = "Command lines"

// command is a command line whose wall time is measured.
type command struct {
	id      string
	words   []string
	pm2     []string // the same for PM2, where it has other words
	prepare []string // run before each, untimed
	limit   float64  // times hello
	mutates bool     // one vfork+exec is allowed on top
	wishes  bool     // what is wished changes, and is on disk when it returns
}

// What a command line may cost in hello-world binaries, after which kind it is.
const (
	hotLimit     = 1.35 // with up to 100 services
	hotLimitMany = 1.7
	coldLimit    = 4 // those that the front end hands to weaverd
	pm2Calls     = 50
)

// commands are those that are measured with few services.
func commands() []command {
	const name = "svc-0001"
	return []command{
		{id: "help", words: []string{"--help"}, limit: hotLimit},
		{id: "ping", words: []string{"ping"}, limit: hotLimit},
		{id: "list", words: []string{"list"}, limit: hotLimit},
		{id: "jlist", words: []string{"jlist"}, limit: hotLimit},
		{id: "list-json", words: []string{"list", "--json"}, pm2: []string{"jlist"}, limit: hotLimit},
		{id: "pid", words: []string{"pid", name}, limit: hotLimit},
		{id: "restart", words: []string{"restart", name}, limit: hotLimit, mutates: true},
		{id: "stop", words: []string{"stop", name}, prepare: []string{"start", name}, limit: hotLimit, mutates: true, wishes: true},
		{id: "start", words: []string{"start", name}, prepare: []string{"stop", name}, limit: hotLimit, mutates: true, wishes: true},
		{id: "list-sorted", words: []string{"list", "--sort", "cpu"}, limit: coldLimit},
	}
}

// calls measures command lines with a growing number of services.
func (b *bench) calls() error {
	for i, n := range b.scale.lists {
		chosen := commands()
		if i > 0 {
			limit := hotLimit
			if n > 100 {
				limit = hotLimitMany
			}
			chosen = []command{{id: "list", words: []string{"list"}, limit: limit}}
		}
		var wanted []command
		for _, c := range chosen {
			if c.id = fmt.Sprintf("call-%s-%d", c.id, n); b.wants(c.id) {
				wanted = append(wanted, c)
			}
		}
		if len(wanted) == 0 {
			continue
		}
		if err := b.callsWith(n, wanted); err != nil {
			return err
		}
	}
	return nil
}

// callsWith measures commands while n services run.
func (b *bench) callsWith(n int, cmds []command) error {
	progress("command lines with %d services", n)
	what := fmt.Sprintf("command lines with %d services", n)
	all := b.managers(b.dirs.home, what, n <= b.scale.pm2Most)
	defer func() { endAll(all) }()
	var running []*manager
	for _, m := range all {
		if err := m.startAll(n, b.floor.service); err != nil {
			b.skip(what+", "+m.name, err)
			continue
		}
		running = append(running, m)
	}
	spawn, err := b.floor.runLoop(cleanEnviron(), "once", b.floor.service)
	if err == nil {
		defer spawn.end(false)
	}
	for _, c := range cmds {
		subjects := []*subject{b.hello()}
		for _, m := range running {
			subjects = append(subjects, b.commandOf(m, c))
		}
		extra := ""
		if c.mutates && spawn != nil {
			extra = subSpawn
			subjects = append(subjects, &subject{name: subSpawn, measure: spawn.ask})
		}
		if c.wishes {
			s, end, err := syncing(b.dirs.path("sync"))
			if err != nil {
				return err
			}
			defer end()
			subjects = append(subjects, s)
		}
		r := interleave(b.scale.rounds, time.Duration(b.scale.budgetSeconds)*time.Second, subjects...)
		r.atMost(c.limit, subHello, extra)
		if c.wishes {
			r.atMost(c.limit, subHello, extra, subSync)
			r.Note = "Sync is what the disk takes for one record, without which no wish survives a power cut"
		}
		r.speed(pm2Calls, subPM2, subPM2)
		b.add(r, c.id, groupCalls, fmt.Sprintf("`%s`, %d services", words(c.words), n), seconds)
	}
	return nil
}

// syncing appends a record to a file and has it written to the disk.
func syncing(path string) (s *subject, end func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, nil, err
	}
	record := bytes.Repeat([]byte{'x'}, 300)
	return &subject{name: subSync, measure: func() (float64, error) {
		start := monotonic()
		if _, err := f.Write(record); err != nil {
			return 0, err
		}
		err := syscall.Fdatasync(int(f.Fd()))
		return float64(monotonic()-start) / 1e9, err
	}}, func() { f.Close() }, nil
}

// hello is the floor under every command line.
func (b *bench) hello() *subject {
	env := os.Environ()
	return &subject{name: subHello, measure: func() (float64, error) {
		wall, err := b.call.run(env, b.floor.hello)
		return wall.Seconds(), err
	}}
}

func (b *bench) commandOf(m *manager, c command) *subject {
	w := c.words
	s := &subject{name: m.name}
	if m.name == subPM2 {
		s.every = b.scale.pm2Every
		if c.pm2 != nil {
			w = c.pm2
		}
	}
	s.measure = func() (float64, error) { return m.run(w...) }
	if c.prepare != nil {
		s.prepare = func() error { return m.do(c.prepare...) }
	}
	return s
}

func words(w []string) string {
	text := w[0]
	for _, x := range w[1:] {
		text += " " + x
	}
	return text
}
