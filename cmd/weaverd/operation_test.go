//go:build linux

package main

import (
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// deaf is a service that needs a moment to end.
const deaf = "#!/bin/sh\ntrap 'sleep 0.15; exit 0' INT TERM\nwhile :; do sleep 0.02; done\n"

// Whoever asks for something while supervisors die is told what came of it, and it is done once.
func TestCommandsAreCarriedOutOnceWhateverDies(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for _, name := range []string{"one", "two"} {
		h.weaver("start", h.write("deaf.sh", deaf), "--name", name)
	}
	restarts := map[string]int{}
	state := func() map[string]seen {
		byName := map[string]seen{}
		for _, s := range h.list() {
			byName[s.Name] = s
		}
		return byName
	}
	rounds := 12
	if testing.Short() {
		rounds = 4
	}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range rounds {
		var args []string
		switch i % 4 {
		case 0:
			args = []string{"restart", "one", "two"}
			restarts["one"]++
			restarts["two"]++
		case 1:
			args = []string{"service", "restart", "two"}
			restarts["two"]++
		case 2:
			args = []string{"restart", "one", "--update-env"} // not hot
			restarts["one"]++
		case 3:
			args = []string{"stop", "all"}
		}
		p := h.ping()
		type result struct {
			out string
			err error
		}
		done := make(chan result, 1)
		go func() { // ends with the command
			out, err := h.run(args...)
			done <- result{out, err}
		}()
		time.Sleep(time.Duration(random.IntN(200)) * time.Millisecond) // somewhere in the middle of it
		if i/4%3 == 1 {
			_ = syscall.Kill(p.Anchor, syscall.SIGKILL) // both, then
		}
		if i/4%3 != 2 {
			_ = syscall.Kill(p.PID, syscall.SIGKILL)
		} else {
			_ = syscall.Kill(p.Anchor, syscall.SIGKILL)
		}
		r := <-done
		require.NoError(t, r.err, "%v: %s", args, r.out)
		assert.NotContains(t, r.out, "ERROR", "%v", args)
		now := state()
		if i%4 == 3 {
			assert.Equal(t, "stopped stopped", now["one"].Env.Status+" "+now["two"].Env.Status, r.out)
			_, err := h.run("start", "all")
			require.NoError(t, err)
			for name, s := range state() {
				restarts[name] = s.Env.Restarts
			}
			continue
		}
		for name, n := range restarts {
			assert.Equal(t, n, now[name].Env.Restarts, "%s after %s: %s", name, strings.Join(args, " "), r.out)
			assert.Equal(t, "online", now[name].Env.Status)
		}
	}
	h.killSupervisor()
	assert.Greater(t, strings.Count(string(h.weaver("why", "one", "--json")), `"kind"`), 10, "what former supervisors saw is told")
	h.weaver("delete", "all")
}
