//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	warmLimit  = 0.05 // seconds, from a crash to an answer
	subNoSpare = "weaver, no spare"
)

// warm measures what who asks next waits for when the only worker of a cluster is killed: with a spare, without, and PM2.
func (b *bench) warm(script string, all []*manager) {
	var subjects []*subject
	for _, m := range all {
		s := crashing(b, m, m.name, "spared", script)
		if m.name == subWeaver {
			subjects = append(subjects, crashing(b, m, m.name, "spared", script, "--warm", "1"))
			s = crashing(b, m, subNoSpare, "cold", script)
		} else {
			s.every = max(b.scale.pm2Every/4, 1)
		}
		subjects = append(subjects, s)
	}
	r := interleave(b.scale.rounds/3, time.Duration(b.scale.budgetSeconds)*time.Second, subjects...)
	r.bound(seconds, warmLimit)
	r.Note = "The only worker of a cluster is killed; until a request is answered. A spare is loaded and does not listen until then"
	b.add(r, "target-warm", groupService, "`kill -9` of the only worker → next answer (`--warm 1`)", seconds)
	for _, m := range all {
		for _, name := range []string{"spared", "cold"} {
			_ = m.do("delete", name) // the home goes away with the bench
		}
	}
}

// crashing is a cluster of one worker that is killed.
func crashing(b *bench, m *manager, as, name, script string, flags ...string) *subject {
	port := 0
	return &subject{
		name: as,
		prepare: func() (err error) {
			if port == 0 {
				if port, err = freePort(); err != nil {
					return err
				}
				env := append(m.env[:len(m.env):len(m.env)], "PORT="+strconv.Itoa(port))
				words := append([]string{m.bin, "start", script, "--name", name, "-i", "1", "--min-uptime", "100", "--max-restarts", "1000000"}, flags...)
				if m.name == subPM2 {
					words = []string{m.bin, "start", script, "--name", name, "-i", "1", "--max-restarts", "1000000"}
				}
				if _, err = b.call.run(env, words...); err != nil {
					return err
				}
			}
			if err := firstAnswer(port); err != nil || len(flags) == 0 {
				return err
			}
			return spared(m, name)
		},
		measure: func() (float64, error) {
			out, err := m.output("pid", name)
			if err != nil {
				return 0, err
			}
			pid, err := strconv.Atoi(strings.TrimSpace(string(out)))
			if err != nil || pid == 0 {
				return 0, fmt.Errorf("pid of %s: %q", name, out)
			}
			begin := monotonic()
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				return 0, err
			}
			err = answeredAgain(port)
			return float64(monotonic()-begin) / 1e9, err
		},
	}
}

// answeredAgain returns when a request is answered; one that is lost, as PM2 loses some, is asked again after a second.
func answeredAgain(port int) (err error) {
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(500 * time.Microsecond) {
		var done atomic.Int64
		if err = ask(port, false, time.Now().Add(time.Second), &done); err == nil {
			return nil
		}
	}
	return err
}

// spared returns when a spare is ready and none is on its way out.
func spared(m *manager, name string) error {
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		out, err := m.output("describe", name)
		if err != nil {
			return err
		}
		if bytes.Contains(out, []byte("1 of 1 ready")) && !bytes.Contains(out, []byte("standing in")) && !bytes.Contains(out, []byte(" ending")) {
			return nil
		}
	}
	return errors.New("no spare is ready")
}
