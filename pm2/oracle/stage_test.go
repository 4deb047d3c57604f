//go:build linux

package oracle

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// stage is where a session is played: a directory with bin/pm2, a home h and a working directory w. Its path has the
// same length everywhere, so that tables are as wide.
type stage struct {
	number int
	dir    string // empty until it is built
	apps   string
	pids   map[string]bool // every pid that was seen
	npm    bool            // the npm pm2 plays, whose daemon can be asked directly
	env    []string
}

// patience bounds a command and a wait. It is generous: the machine may be busy with something else.
const patience = 60 * time.Second

// build makes the stage, unless it is there.
func (s *stage) build(pm2, apps string) error {
	if s.dir != "" {
		return nil
	}
	s.dir, s.apps = fmt.Sprintf("/tmp/oracle-%07d-%03d", os.Getpid(), s.number), apps
	for _, dir := range []string{"bin", "w", "h"} {
		if err := os.MkdirAll(filepath.Join(s.dir, dir), 0o755); err != nil {
			return err
		}
	}
	for _, name := range []string{"pm2", "pm2-runtime", "pm2-docker", "pm2-dev"} {
		to := pm2
		if s.npm {
			to = filepath.Join(filepath.Dir(pm2), name)
		}
		os.Remove(s.path("bin/" + name)) // of a stage that was kept
		if err := os.Symlink(to, s.path("bin/"+name)); err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) path(name string) string { return filepath.Join(s.dir, name) }

// clear makes everything new but a daemon that runs in the home.
func (s *stage) clear() error {
	s.pids = map[string]bool{}
	for _, dir := range []string{"w", "h/logs", "h/pids"} {
		if err := os.RemoveAll(s.path(dir)); err != nil {
			return err
		}
		if err := os.MkdirAll(s.path(dir), 0o755); err != nil {
			return err
		}
	}
	for _, file := range []string{"h/dump.pm2", "h/dump.pm2.bak", "h/reload.lock"} {
		os.Remove(s.path(file))
	}
	if err := os.WriteFile(s.path("h/module_conf.json"), []byte("{}"), 0o644); err != nil {
		return err
	}
	if err := os.Truncate(s.path("h/pm2.log"), 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.CopyFS(s.path("w"), os.DirFS(s.apps))
}

// play runs a session and returns an answer for each of its steps.
func (s *stage) play(ses *session) ([]answer, error) {
	if err := s.clear(); err != nil {
		return nil, err
	}
	s.env = []string{
		"PATH=" + s.path("bin") + ":/usr/local/bin:/usr/bin:/bin", "HOME=" + s.dir, "USER=someone", "LANG=C.UTF-8", "TZ=UTC",
		"PM2_HOME=" + s.path("h"), "PM2_DISABLE_VERSION_CHECK=true",
	}
	if _, err := s.call("ping", map[string]any{}); !ses.fresh && err != nil {
		if a := s.shell("pm2 ping"); a["code"] != "0" {
			return nil, fmt.Errorf("pm2 ping: %s%s", a["stdout"], a["stderr"])
		}
	}
	if ses.module {
		s.env = append(s.env, "PM2_MODULE="+filepath.Join(filepath.Dir(os.Getenv("WEAVER_TEST_PM2")), "../pm2"))
	}
	for _, kv := range ses.env {
		s.env = append(s.env, strings.ReplaceAll(kv, "$STAGE", s.dir))
	}
	if ses.copy != "" {
		if err := os.CopyFS(s.path("w"), os.DirFS(filepath.Join(data, "../ecosystem/wild", ses.copy))); err != nil {
			return nil, err
		}
	}
	for name, text := range ses.files {
		path := s.path(filepath.Join("w", name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, err
		}
		mode := fs.FileMode(0o644)
		if strings.HasPrefix(text, "#!") {
			mode = 0o755
		}
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "$STAGE", s.dir)), mode); err != nil {
			return nil, err
		}
	}
	answers := make([]answer, len(ses.steps))
	for i, st := range ses.steps {
		word, rest, _ := strings.Cut(st.line, " ")
		switch word {
		case "$":
			answers[i] = s.normal(s.shell(rest))
		case "wait":
			answers[i] = s.wait(func() bool { return s.shell(rest)["code"] == "0" })
		case "status":
			answers[i] = s.wait(func() bool { return s.status(strings.Fields(rest)) })
		case "settle":
			answers[i] = s.settle()
		case "list":
			answers[i] = s.list(strings.Fields(rest))
		case "seen":
			answers[i] = s.seen(strings.Fields(rest))
		case "home":
			answers[i] = s.home()
		}
		s.notePIDs()
	}
	return answers, nil
}

// shell runs a command line.
func (s *stage) shell(line string) answer {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", line)
	cmd.Dir, cmd.Env = s.path("w"), s.env
	cmd.WaitDelay = 2 * time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	code := "0"
	if err != nil {
		code = err.Error()
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			code = strconv.Itoa(exit.ExitCode())
		}
		if ctx.Err() != nil {
			code = "no end"
		}
	}
	s.notePIDs()
	return answer{"code": code, "stdout": stdout.String(), "stderr": stderr.String()}
}

func (s *stage) wait(done func() bool) answer { return s.waitFor(patience, done) }

func (s *stage) waitFor(most time.Duration, done func() bool) answer {
	deadline := time.Now().Add(most)
	for !done() {
		if time.Now().After(deadline) {
			return answer{"wait": "in vain"}
		}
		time.Sleep(30 * time.Millisecond) // the tick of the condition
	}
	return answer{"wait": ""}
}

// entry is a process as jlist has it.
type entry struct {
	PID   *int
	Name  string
	ID    int             `json:"pm_id"`
	Env   json.RawMessage `json:"pm2_env"`
	Monit json.RawMessage
}

func (s *stage) entries() ([]entry, error) {
	out := ""
	if s.npm {
		if reply, err := s.call("getMonitorData", map[string]any{}); err == nil {
			out = string(reply)
		}
	}
	if out == "" {
		out = s.shell("pm2 jlist")["stdout"]
	}
	if i := strings.LastIndex(out, "\n["); i >= 0 && !strings.HasPrefix(out, "[") {
		out = out[i+1:]
	}
	var list []entry
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		return nil, fmt.Errorf("jlist: %w: %s", err, out)
	}
	for _, e := range list {
		if e.PID != nil && *e.PID > 0 {
			s.pids[strconv.Itoa(*e.PID)] = true
		}
	}
	return list, nil
}

// status: NAME STATUS [RESTARTS].
func (s *stage) status(args []string) bool {
	list, err := s.entries()
	if err != nil {
		return false
	}
	found := false
	for _, e := range list {
		var env struct {
			Status      string
			RestartTime int `json:"restart_time"`
		}
		if json.Unmarshal(e.Env, &env) != nil || e.Name != args[0] {
			continue
		}
		if env.Status != args[1] {
			return false
		}
		if len(args) > 2 && strconv.Itoa(env.RestartTime) != args[2] {
			return false
		}
		found = true
	}
	return found
}

// settle waits until nothing changes any more: what ends by itself has ended, what tells what it saw has told, and two
// looks in a row see the same.
func (s *stage) settle() answer {
	const quiet = 300 * time.Millisecond
	last, since := "", time.Now()
	return s.waitFor(patience/3, func() bool {
		look, calm := s.look()
		if look != last || !calm {
			last, since = look, time.Now()
		}
		return time.Since(since) > quiet
	})
}

// endsByItself are the scripts and command lines of programs that do not stay.
var endsByItself = regexp.MustCompile(`exit|crash|later|echo done|no-such|nosuch`)

// look is what is to be seen of all processes and their logs, and whether it is not about to change.
func (s *stage) look() (string, bool) {
	list, err := s.entries()
	if err != nil {
		return err.Error(), false
	}
	var b strings.Builder
	calm := true
	for _, e := range list {
		var env struct {
			Status      string
			RestartTime int             `json:"restart_time"`
			Path        string          `json:"pm_exec_path"`
			Started     float64         `json:"pm_uptime"`
			Interpreter string          `json:"exec_interpreter"`
			Args        json.RawMessage `json:"args"`
		}
		json.Unmarshal(e.Env, &env)
		fmt.Fprintln(&b, e.ID, env.Status, env.RestartTime, env.Started)
		switch env.Status {
		case "stopped", "errored":
		case "online":
			if endsByItself.MatchString(filepath.Base(env.Path) + string(env.Args)) {
				calm = false
			}
			if base := filepath.Base(env.Path); base == "seen.js" && env.Interpreter == "node" || base == "seen.py" && env.Interpreter == "python3" {
				info, err := os.Stat(s.path(fmt.Sprintf("w/seen-%d", e.ID)))
				calm = calm && err == nil && float64(info.ModTime().UnixMilli()) >= env.Started
			}
		default:
			calm = false
		}
	}
	logs, _ := filepath.Glob(s.path("h/logs/*"))
	for _, path := range logs {
		if info, err := os.Stat(path); err == nil {
			fmt.Fprintln(&b, path, info.Size())
		}
	}
	return b.String(), calm
}

// notePIDs remembers the pids that the home knows, to take them out of what is printed.
func (s *stage) notePIDs() {
	files, _ := filepath.Glob(s.path("h/pids/*.pid"))
	for _, f := range append(files, s.path("h/pm2.pid")) {
		if data, err := os.ReadFile(f); err == nil {
			if pid := strings.TrimSpace(string(data)); pid != "" && pid != "0" {
				s.pids[pid] = true
			}
		}
	}
}

// end ends the daemon, and whatever still has the stage's home in its environment.
func (s *stage) end(keep bool) {
	if s.dir == "" {
		return
	}
	s.env = []string{"PATH=" + s.path("bin") + ":/usr/local/bin:/usr/bin:/bin", "HOME=" + s.dir, "PM2_HOME=" + s.path("h")}
	s.pids = map[string]bool{}
	s.shell("pm2 kill")
	for range 50 {
		pids := s.leftovers()
		if len(pids) == 0 {
			break
		}
		for _, pid := range pids {
			syscall.Kill(pid, syscall.SIGKILL)
		}
		time.Sleep(20 * time.Millisecond) // until the kernel has done it
	}
	if !keep {
		os.RemoveAll(s.dir)
	}
	s.dir = ""
}

// leftovers are the processes of this stage.
func (s *stage) leftovers() []int {
	var pids []int
	all, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range all {
		data, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(data, []byte(s.path("h"))) {
			continue
		}
		pid, _ := strconv.Atoi(strings.Split(path, "/")[2])
		if pid != os.Getpid() {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids
}
