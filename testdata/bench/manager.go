//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// manager is weaver or PM2: they take the same words and the same ecosystem files, which is the point of weaver.
type manager struct {
	name string // of the subject
	bin  string
	home string
	env  []string
	call *caller
	pids func(*manager) ([]int, error) // its own processes, the services not among them
}

// run runs a command line and returns its wall time in seconds.
func (m *manager) run(words ...string) (float64, error) {
	wall, err := m.call.run(m.env, append([]string{m.bin}, words...)...)
	return wall.Seconds(), err
}

// do runs a command line whose time is of no interest.
func (m *manager) do(words ...string) error {
	_, err := m.run(words...)
	return err
}

// output runs a command line for what it prints.
func (m *manager) output(words ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), callLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, m.bin, words...)
	cmd.Env = m.env
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", line(cmd.Args), err)
	}
	return out, nil
}

// path of a file in the home's neighbourhood, which goes away with it.
func (m *manager) path(name string) string { return filepath.Join(filepath.Dir(m.home), name) }

// workers are the pids of its services.
func (m *manager) workers() ([]int, error) {
	out, err := m.output("jlist")
	if err != nil {
		return nil, err
	}
	var list []struct {
		PID int `json:"pid"`
	}
	if err := json.Unmarshal(out, &list); err != nil {
		return nil, fmt.Errorf("%s jlist: %w", m.name, err)
	}
	pids := make([]int, len(list))
	for i := range list {
		pids[i] = list[i].PID
	}
	return pids, nil
}

// apps writes an ecosystem file.
func (m *manager) apps(name string, apps ...service) (string, error) {
	data, err := json.Marshal(map[string]any{"apps": apps})
	if err != nil {
		return "", err
	}
	path := m.path(name + ".json")
	return path, os.WriteFile(path, data, 0o600)
}

// service is one app of an ecosystem file, in the words that both know.
type service struct {
	Name        string            `json:"name"`
	Script      string            `json:"script"`
	Args        string            `json:"args,omitempty"`
	Interpreter string            `json:"interpreter"`
	Mode        string            `json:"exec_mode"`
	Instances   int               `json:"instances,omitempty"`
	Env         map[string]string `json:"env,omitempty"`
	AutoRestart *bool             `json:"autorestart,omitempty"`
	MaxRestarts int               `json:"max_restarts,omitempty"`
	PMX         *bool             `json:"pmx,omitempty"`
	MaxLogSize  string            `json:"max_log_size,omitempty"` // weaver's; PM2 does not rotate
}

// newService is an app that runs a program as it is.
func newService(name, program string) service {
	return service{Name: name, Script: program, Interpreter: "none", Mode: "fork"}
}

// sleepers are n apps.
func sleepers(n int, program string) []service {
	all := make([]service, n)
	for i := range all {
		all[i] = newService(fmt.Sprintf("svc-%04d", i), program)
	}
	return all
}

// startAll has n sleepers run, and checks that they do.
func (m *manager) startAll(n int, program string) error {
	file, err := m.apps(fmt.Sprintf("sleepers-%d", n), sleepers(n, program)...)
	if err != nil {
		return err
	}
	if err := m.do("start", file); err != nil {
		return err
	}
	return m.expect(n, program)
}

// expect checks that n processes of a program run below the manager: a time for work that was not done is worth nothing.
func (m *manager) expect(n int, program string) error {
	own, err := m.pids(m)
	if err != nil {
		return err
	}
	count := 0
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		count = 0
		for _, pid := range descendants(own...) {
			if exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)); err == nil && exe == program {
				count++
			}
		}
		if count == n {
			return nil
		}
	}
	return fmt.Errorf("%s says it runs %d services, but %d run", m.name, n, count)
}

// end ends the manager and all that it started: as the manual says, then by force.
func (m *manager) end(graceful bool) {
	own, err := m.pids(m)
	if graceful {
		err = errors.Join(err, m.do("kill"))
	}
	if err != nil {
		progress("  end %s: %v", m.name, err)
	}
	killTree(own)
	os.RemoveAll(filepath.Dir(m.home))
}

// killTree kills processes and all below them, and returns when they are gone. The roots are stopped first, so that
// they restart nothing meanwhile.
func killTree(roots []int) {
	all := roots
	for _, pid := range roots {
		syscall.Kill(pid, syscall.SIGSTOP)
	}
	all = append(all, descendants(roots...)...)
	for _, pid := range all {
		syscall.Kill(pid, syscall.SIGKILL)
	}
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		left := false
		for _, pid := range all {
			left = left || alive(pid)
		}
		if !left {
			return
		}
	}
}

// weaverPIDs asks weaver for its supervisor, whose parent is the anchor.
func weaverPIDs(m *manager) ([]int, error) {
	out, err := m.output("ping", "--json")
	if err != nil {
		return nil, err
	}
	var ping struct{ PID int }
	if err := json.Unmarshal(bytes.TrimSpace(out), &ping); err != nil || ping.PID <= 1 {
		return nil, fmt.Errorf("read the supervisor's pid from %q: %w", out, err)
	}
	anchor, err := parentOf(ping.PID)
	if err != nil {
		return nil, err
	}
	if anchor == 1 || anchor == os.Getppid() { // it has no anchor: its parent is init, or the guard
		return []int{ping.PID}, nil
	}
	return []int{anchor, ping.PID}, nil
}

// pm2PIDs reads PM2's pid file.
func pm2PIDs(m *manager) ([]int, error) {
	data, err := os.ReadFile(m.home + "/pm2.pid")
	if err != nil {
		return nil, err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || pid <= 1 {
		return nil, fmt.Errorf("read the pid of PM2 from %q: %w", data, err)
	}
	return []int{pid}, nil
}
