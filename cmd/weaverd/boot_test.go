//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// bootSystem is an init system, and how it is asked to do things with what `weaver startup` wrote for it.
type bootSystem struct {
	name  string
	needs []string // programs
	// file is one of those that are written; the commands get its directory (or itself) as {}.
	file  string
	whole bool
	// run supervises and stays; start does not. ready returns once all is started.
	run, start, ready []string
	restart, down     []string
	// revives: it starts an anchor if both that and the supervisor die.
	revives bool
	openrc  bool
}

var bootSystems = []bootSystem{
	{
		name: "runit", needs: []string{"runsv", "sv", "chpst"}, file: "run", revives: true,
		run: []string{"runsv", "{}"}, restart: []string{"sv", "-w", "30", "restart", "{}"}, down: []string{"sv", "-w", "30", "down", "{}"},
	},
	{
		name: "s6", needs: []string{"s6-supervise", "s6-svc", "s6-svwait", "s6-setuidgid"}, file: "run", revives: true,
		run: []string{"s6-supervise", "{}"}, ready: []string{"s6-svwait", "-U", "-t", "30000", "{}"},
		restart: []string{"s6-svc", "-wR", "-T", "30000", "-r", "{}"}, down: []string{"s6-svc", "-wD", "-T", "30000", "-d", "{}"},
	},
	{
		name: "openrc", needs: []string{"openrc-run", "unshare", "nsenter"}, file: "weaver-*", whole: true, openrc: true,
		start:   []string{"openrc-run", "{}", "--nodeps", "start"},
		restart: []string{"openrc-run", "{}", "--nodeps", "restart"}, down: []string{"openrc-run", "{}", "--nodeps", "stop"},
	},
	{
		name: "upstart", needs: []string{"sh"}, file: "weaver-*", whole: true,
		start: []string{"sh", "{}", "start"}, restart: []string{"sh", "{}", "restart"}, down: []string{"sh", "{}", "stop"},
	},
}

// processes are those of the test's two services: web, orderly and the child of that.
const processes = 3

// TestInitSystems has real init systems run what `weaver startup` wrote for them.
func TestInitSystems(t *testing.T) {
	t.Parallel()
	for _, s := range bootSystems {
		t.Run(s.name, func(t *testing.T) { s.check(t) })
	}
}

func (s bootSystem) check(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("init systems change to the user: that takes root")
	}
	for _, program := range s.needs {
		need(t, program)
	}
	h := newHouse(t)
	h.weaver("start", h.write("web.sh", "#!/bin/sh\nexec sleep 1000\n"), "--name", "web")
	h.weaver("start", h.write("orderly.sh", "#!/bin/sh\ntrap 'kill $!; echo bye >>$WEAVER_HOUSE/bye; exit 0' INT TERM\nsleep 1000 &\nwait\n"), "--name", "orderly")
	h.weaver("save")
	require.Eventually(t, func() bool { all, sleeping := h.asleep(); return all == processes && sleeping == 2 }, 30*time.Second, 10*time.Millisecond)
	h.weaver("kill")
	require.NoError(t, os.Remove(filepath.Join(h.home, "bye")))

	m := s.machine(t, h)
	m.begin()
	if s.ready != nil { // what it waited for is true already
		list := h.list()
		require.Len(t, list, 2)
		for _, p := range list {
			assert.Equal(t, "online", p.Env.Status, p.Name)
		}
	}
	m.awaitServices()
	pids := h.marked()

	same := func(after string) {
		t.Helper()
		assert.Equal(t, pids, h.marked(), after)
		for _, p := range h.list() {
			assert.Zero(t, p.Env.Restarts, after)
			assert.Equal(t, "online", p.Env.Status, after)
		}
	}
	was := h.ping()
	require.NoError(t, syscall.Kill(was.Anchor, syscall.SIGKILL))
	require.Eventually(t, func() bool { p := h.ping(); return p.Anchor != 0 && p.Anchor != was.Anchor }, 60*time.Second, 5*time.Millisecond)
	same("the anchor died")
	h.killSupervisor()
	same("the supervisor died")

	if s.run != nil { // what it has started has joined the supervisor, and passes the wish on
		require.Eventually(t, func() bool { return strings.Contains(m.read(s.run[0]+".out"), "waits for its end") }, 60*time.Second, 5*time.Millisecond)
	}
	m.do(s.restart)
	m.awaitServices()
	for _, pid := range h.marked() {
		assert.NotContains(t, pids, pid, "started anew")
	}
	assert.Equal(t, "bye\n", m.read("bye"))
	pids = h.marked()

	if s.revives {
		was = h.ping()
		require.NoError(t, syscall.Kill(was.Anchor, syscall.SIGSTOP)) // it is to have no time for a successor
		require.NoError(t, syscall.Kill(was.PID, syscall.SIGKILL))
		require.NoError(t, syscall.Kill(was.Anchor, syscall.SIGKILL))
		m.awaitServices() // nobody but the init system brings one back: the command does not
		same("both died")
	}

	m.do(s.down)
	assert.Empty(t, h.marked())
	assert.Equal(t, "bye\nbye\n", m.read("bye"))
	out, err := h.run("boot", "--status")
	assert.Error(t, err)
	assert.Contains(t, out, "not running")
	assert.Empty(t, anchors(h.home))
}

// machine is an init system at work.
type machine struct {
	bootSystem
	t     *testing.T
	house *house
	where string   // what was written
	enter []string // what commands start with
}

// machine writes what the init system needs. When the test is over it has ended, before the house is left.
func (s bootSystem) machine(t *testing.T, h *house) *machine {
	root := filepath.Join(h.home, "root")
	cmd := exec.Command(filepath.Join(bin, "weaver"), "startup", s.name, "-u", "root")
	cmd.Env = append(h.environ(), "DESTDIR="+root)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	m := &machine{bootSystem: s, t: t, house: h}
	require.NoError(t, filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		if match, _ := filepath.Match(s.file, filepath.Base(path)); match && m.where == "" {
			m.where = path
		}
		return err
	}))
	require.NotEmpty(t, m.where)
	if !s.whole {
		m.where = filepath.Dir(m.where)
	}
	return m
}

func (m *machine) words(list []string) []string {
	out := slices.Clone(m.enter)
	for _, w := range list {
		out = append(out, strings.ReplaceAll(w, "{}", m.where))
	}
	return out
}

// begin starts the init system and returns when it calls weaver started.
func (m *machine) begin() {
	if m.openrc {
		m.bootOpenRC()
	}
	if m.run != nil {
		m.stays(m.words(m.run), "")
	} else {
		m.t.Cleanup(func() { m.try(m.down) })
		m.do(m.start)
	}
	if m.ready != nil {
		require.Eventually(m.t, func() bool { _, err := os.Stat(m.where + "/supervise/control"); return err == nil }, 60*time.Second, 5*time.Millisecond)
		m.do(m.ready)
	}
}

// stays starts a process that is ended by SIGTERM when the test is, and waits until it says a word, if it is to.
func (m *machine) stays(words []string, word string) (pid int) {
	m.t.Helper()
	out, err := os.Create(filepath.Join(m.house.home, words[0]+".out"))
	require.NoError(m.t, err)
	defer out.Close()
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Stdout, cmd.Stderr = out, out
	require.NoError(m.t, cmd.Start())
	m.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		timer := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
		defer timer.Stop()
		_ = cmd.Wait() // how it ends is not what is looked at
		if m.t.Failed() {
			said, _ := os.ReadFile(out.Name())
			m.t.Logf("%s said: %s", words[0], said)
		}
	})
	require.Eventually(m.t, func() bool {
		said, _ := os.ReadFile(out.Name())
		return bytes.Contains(said, []byte(word))
	}, 60*time.Second, 5*time.Millisecond)
	return cmd.Process.Pid
}

// bootOpenRC has a place where OpenRC believes that it booted the machine: a mount namespace with a /run of its own.
func (m *machine) bootOpenRC() {
	script := fmt.Sprintf(`set -e
mount -t tmpfs none /run
for d in starting started stopping inactive wasinactive failed hotplugged daemons options exclusive scheduled init.d tmp; do mkdir -p /run/openrc/$d; done
touch /run/openrc/softlevel
mount --bind %s /etc/init.d
mount -t tmpfs none /var/log
echo booted
exec sleep 1000`, filepath.Dir(m.where))
	if out, err := exec.Command("unshare", "-m", "true").CombinedOutput(); err != nil {
		m.t.Skipf("no mount namespace: %s", out)
	}
	pid := m.stays([]string{"unshare", "-m", "sh", "-c", script}, "booted")
	m.where = "/etc/init.d/" + filepath.Base(m.where)
	m.enter = []string{"nsenter", "-t", strconv.Itoa(pid), "-m"}
}

func (m *machine) try(list []string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	words := m.words(list)
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Dir, cmd.WaitDelay = "/", time.Second // what it leaves running may keep its output
	file, err := os.CreateTemp(m.house.home, "out")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	cmd.Stdout, cmd.Stderr = file, file
	err = cmd.Run()
	said, _ := os.ReadFile(file.Name())
	return said, err
}

func (m *machine) do(list []string) {
	m.t.Helper()
	out, err := m.try(list)
	require.NoError(m.t, err, "%v: %s", list, out)
}

// awaitServices waits until a supervisor has both services and all their processes have come to what they end as, without
// starting a supervisor.
func (m *machine) awaitServices() {
	m.t.Helper()
	var out string
	require.Eventually(m.t, func() bool {
		out, _ = m.house.run("boot", "--status")
		all, sleeping := m.house.asleep()
		return strings.Contains(out, ", 2 processes)") && sleeping == 2 && all == processes
	}, 30*time.Second, 10*time.Millisecond, "%s", &out)
}

// asleep counts the home's processes, and those that have come to be a sleep.
func (h *house) asleep() (all, sleeping int) {
	pids := h.marked()
	for _, pid := range pids {
		if comm, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)); string(comm) == "sleep\n" {
			sleeping++
		}
	}
	return len(pids), sleeping
}

func (m *machine) read(name string) string {
	data, _ := os.ReadFile(filepath.Join(m.house.home, name))
	return string(data)
}

// anchors are the processes that look after a home.
func anchors(home string) (pids []int) {
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range lines {
		line, _ := os.ReadFile(path)
		if bytes.Contains(line, []byte("--anchor\x00"+home+"\x00")) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			pids = append(pids, pid)
		}
	}
	return pids
}
