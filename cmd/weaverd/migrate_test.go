//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// asked is one request of a load.
type asked struct {
	from, to time.Time
	pid      int // who answered
	err      error
}

// load asks an address again and again, on a new connection each time, until it is ended.
type load struct {
	url  string
	end  chan struct{}
	wg   sync.WaitGroup
	mu   sync.Mutex
	list []asked
}

func newLoad(port, clients int) *load {
	l := &load{url: fmt.Sprintf("http://127.0.0.1:%d/", port), end: make(chan struct{})}
	for range clients {
		l.wg.Go(func() {
			c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
			for {
				select {
				case <-l.end:
					return
				default:
				}
				one := asked{from: time.Now()}
				one.pid, one.err = who(c, l.url)
				one.to = time.Now()
				l.mu.Lock()
				l.list = append(l.list, one)
				l.mu.Unlock()
				if errors.Is(one.err, syscall.ECONNREFUSED) {
					time.Sleep(5 * time.Millisecond) // nobody is there: no need to knock all the time
				}
			}
		})
	}
	return l
}

// who asks which process answers.
func who(c *http.Client, url string) (int, error) {
	r, err := c.Get(url)
	if err != nil {
		return 0, err
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimPrefix(string(body), "pid "))
}

func (l *load) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.list)
}

// stop ends the load and returns all requests in the order in which they ended.
func (l *load) stop() []asked {
	close(l.end)
	l.wg.Wait()
	slices.SortFunc(l.list, func(a, b asked) int { return a.to.Compare(b.to) })
	return l.list
}

// judge looks at a load during which what served changed from the old processes to others, and returns those. What fails
// must fail while nobody serves: nothing before the change was asked for, nothing that was asked after a new process had
// answered, and the old and the new never serve side by side.
func judge(t *testing.T, name string, list []asked, old []int, change time.Time) (fresh []int) {
	t.Helper()
	firstNew := slices.IndexFunc(list, func(a asked) bool { return a.err == nil && !slices.Contains(old, a.pid) })
	require.GreaterOrEqual(t, firstNew, 0, "%s: nobody new has answered", name)
	came := list[firstNew].to
	failed, answers := 0, 0
	for i := range list {
		a := &list[i]
		switch {
		case a.err != nil:
			failed++
			assert.False(t, a.to.Before(change), "%s: a request failed before the move began: %v", name, a.err)
			assert.False(t, a.from.After(came), "%s: a request failed that was sent after the new process had answered: %v", name, a.err)
		case slices.Contains(old, a.pid):
			answers++
			assert.False(t, a.from.After(came), "%s: pid %d answered beside its successor", name, a.pid)
		default:
			answers++
			if !slices.Contains(fresh, a.pid) {
				fresh = append(fresh, a.pid)
			}
		}
	}
	t.Logf("%s: %d answers, %d refused or cut off while nobody served, by %v then %v", name, answers, failed, old, fresh)
	return fresh
}

// allAnswered looks at what processes said when they ended: everything that they had begun was answered. It returns whose
// words it found.
func allAnswered(t *testing.T, file string) (pids []int) {
	t.Helper()
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	for line := range strings.Lines(string(data)) {
		var pid, begun, answered int
		_, err := fmt.Sscan(line, &pid, &begun, &answered)
		require.NoError(t, err, line)
		assert.Equal(t, begun, answered, "pid %d was ended with requests under way", pid)
		pids = append(pids, pid)
	}
	return pids
}

// TestMigrateUnderLoad moves a PM2 with an app in fork mode and one in cluster mode to weaver and back, while both are
// being asked.
func TestMigrateUnderLoad(t *testing.T) {
	t.Parallel()
	realPM2 := os.Getenv("WEAVER_TEST_PM2")
	if realPM2 == "" {
		t.Skip("WEAVER_TEST_PM2 does not name npm's pm2")
	}
	if testing.Short() {
		t.Skip("it takes a while")
	}
	need(t, "node")
	dir, err := os.MkdirTemp("", "migrate") // short: sockets
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	script, err := filepath.Abs("../../testdata/apps/served/countdown.js")
	require.NoError(t, err)
	env := append(os.Environ(), "HOME="+dir, "PM2_HOME="+dir+"/p", "WEAVER_HOME="+dir+"/h", "PM2_DISCRETE_MODE=1", "NO_COLOR=1",
		"COUNTS="+dir+"/counts")
	run := func(program string, args ...string) string {
		t.Helper()
		cmd := exec.Command(program, args...)
		cmd.Dir, cmd.Env = dir, env
		var errOut strings.Builder
		cmd.Stderr = &errOut
		out, err := cmd.Output()
		require.NoError(t, err, "%s %v: %s%s", program, args, out, errOut.String())
		return string(out)
	}
	weaver := filepath.Join(bin, "weaver")
	t.Cleanup(func() {
		for _, program := range []string{weaver, realPM2} {
			cmd := exec.Command(program, "kill")
			cmd.Env = env
			cmd.Run() // there may be none
		}
	})
	type seenApp struct {
		PID  int `json:"pid"`
		ID   int `json:"pm_id"`
		Name string
		Env  struct {
			Status   string
			Restarts int `json:"restart_time"`
		} `json:"pm2_env"`
	}
	look := func(program string) (list []seenApp, pids map[string][]int) {
		t.Helper()
		require.NoError(t, json.Unmarshal([]byte(run(program, "jlist")), &list))
		pids = map[string][]int{}
		for _, a := range list {
			pids[a.Name] = append(pids[a.Name], a.PID)
			assert.Equal(t, "online", a.Env.Status, a.Name)
			assert.Zero(t, a.Env.Restarts, "%s had to try again", a.Name)
		}
		return list, pids
	}
	ports := map[string]int{"web": reserve(t), "many": reserve(t)}
	for _, args := range [][]string{{"web", "--kill-timeout", "8000"}, {"many", "-i", "2", "--kill-timeout", "8000"}} {
		env = append(env, "PORT="+strconv.Itoa(ports[args[0]]))
		run(realPM2, append([]string{"start", script, "--name"}, args...)...)
	}
	loads := map[string]*load{}
	for name, port := range ports {
		c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		require.Eventually(t, func() bool { _, err := who(c, fmt.Sprintf("http://127.0.0.1:%d/", port)); return err == nil }, time.Minute, 20*time.Millisecond)
		loads[name] = newLoad(port, 8)
	}
	busy := func() {
		t.Helper()
		before := map[string]int{}
		for name, l := range loads {
			before[name] = l.count()
		}
		require.Eventually(t, func() bool {
			for name, l := range loads {
				if l.count() < before[name]+200 {
					return false
				}
			}
			return true
		}, time.Minute, 20*time.Millisecond)
	}
	busy()
	were, old := look(realPM2)
	for _, way := range []struct {
		name, to string
		do       func()
	}{
		{"there", weaver, func() { run(weaver, "migrate", "--yes") }},
		{"back", realPM2, func() { run(weaver, "migrate", "--back", "--pm2", realPM2) }},
	} {
		begin := time.Now()
		way.do()
		busy()
		are, pids := look(way.to)
		require.Len(t, are, len(were))
		for i := range are {
			assert.Equal(t, were[i].Name, are[i].Name)
			if way.to == weaver { // PM2 gives new numbers to what comes
				assert.Equal(t, were[i].ID, are[i].ID)
			}
		}
		for name, l := range loads {
			fresh := judge(t, way.name+" "+name, l.stop(), old[name], begin)
			assert.Subset(t, pids[name], fresh, "who answers is who is listed")
			loads[name] = newLoad(ports[name], 8)
		}
		told := allAnswered(t, dir+"/counts")
		for name := range ports {
			assert.Subset(t, told, old[name], "%s ended as it wished, not by SIGKILL", name)
		}
		old = pids
		busy()
	}
	for name, l := range loads {
		for _, a := range l.stop() {
			assert.NoError(t, a.err, name)
		}
	}
	for _, home := range []string{"p", "h"} {
		files, err := filepath.Glob(filepath.Join(dir, home, "logs", "*"))
		require.NoError(t, err)
		for _, file := range files {
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			assert.NotContains(t, string(data), "EADDRINUSE", "%s: two wanted one port", file)
		}
	}
}
