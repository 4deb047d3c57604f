//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// bin is where TestMain built weaver and weaverd: the scripts are about the real programs.
var bin string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	if os.Getenv(sealedVar) != "" {
		return sealed(os.Args[1:])
	}
	if bin = os.Getenv("WEAVER_TEST_BIN"); bin != "" { // where there is no compiler
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "weaver-bin")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	cmd := exec.Command("go", "build", "-ldflags", "-X main.version=1.2.3-test", "-tags", "urfave_cli_no_docs,urfave_cli_no_suggest", "-o", dir, "weaver/cmd/weaver", "weaver/cmd/weaverd", "weaver/cmd/weaver-js")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build weaver and weaverd: %v\n%s", err, out)
		return 1
	}
	bin = dir
	return m.Run()
}

// TestScript runs the sessions in testdata/script, each in a home of its own.
func TestScript(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:           filepath.Join("..", "..", "testdata", "script"),
		Setup:         setupScript,
		Condition:     scriptCondition,
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") == "1",
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"await":     awaitOutput,
			"awaitfile": awaitFile,
			"awaitgone": awaitGone,
			"alive":     alive,
			"parallel":  parallel,
			"json":      jsonPath,
			"pidof":     pidOf,
			"killpid":   killPID,
			"repeat":    repeat,
			"fetch":     fetch,
			"same":      sameBothWays,
		},
	})
}

func setupScript(env *testscript.Env) error {
	home := filepath.Join(env.WorkDir, "h")
	env.Setenv("WEAVER_HOME", home)
	env.Setenv("HOME", env.WorkDir)
	env.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	env.Setenv("BIN", bin)
	env.Setenv("REALPM2", os.Getenv("WEAVER_TEST_PM2"))
	env.Setenv("TZ", "UTC")
	env.Setenv("LANG", "C.UTF-8")
	env.Defer(func() { endDaemons(env.WorkDir, env.Vars) })
	return nil
}

// endDaemons ends the daemon of every home below dir, by `kill` and, if that does not help, by the pids it left.
func endDaemons(dir string, vars []string) {
	homes, _ := filepath.Glob(filepath.Join(dir, "*", "daemon.lock"))
	dotted, _ := filepath.Glob(filepath.Join(dir, ".*", "daemon.lock"))
	for _, l := range append(homes, dotted...) {
		home := filepath.Dir(l)
		pid := lockedBy(l)
		cmd := exec.Command(filepath.Join(bin, "weaver"), "kill")
		cmd.Env = append(vars, "WEAVER_HOME="+home, "PATH="+bin)
		out, err := cmd.CombinedOutput()
		if err != nil && pid > 1 {
			fmt.Fprintf(os.Stderr, "kill of %s: %v\n%s", home, err, out)
			syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// lockedBy is the pid that a lock file names.
func lockedBy(path string) int {
	data, _ := os.ReadFile(path)
	m := regexp.MustCompile(`pid (\d+)`).FindSubmatch(data)
	if m == nil {
		return 0
	}
	pid, _ := strconv.Atoi(string(m[1]))
	return pid
}

func scriptCondition(cond string) (bool, error) {
	switch cond {
	case "node":
		_, err := exec.LookPath("node")
		return err == nil, nil
	case "pm2":
		return os.Getenv("WEAVER_TEST_PM2") != "", nil
	case "notroot":
		return os.Geteuid() != 0, nil
	case "setpriv": // and so another user
		_, err := exec.LookPath("setpriv")
		return err == nil && os.Geteuid() == 0, nil
	case "setsid":
		_, err := exec.LookPath("setsid")
		return err == nil, nil
	}
	return false, fmt.Errorf("unknown condition %q", cond)
}

// patience bounds every wait of a script. It is generous: the machine may be busy with something else.
const patience = 30 * time.Second

// until tries again and again, and fails the script with what the last try said.
func until(ts *testscript.TestScript, try func() (done bool, said string)) {
	deadline := time.Now().Add(patience)
	for {
		done, said := try()
		if done {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("not within %v: %s", patience, said)
		}
		time.Sleep(20 * time.Millisecond) // the tick of the condition
	}
}

func command(ts *testscript.TestScript, args []string) *exec.Cmd {
	cmd := exec.Command(args[0], args[1:]...)
	if !strings.Contains(args[0], "/") {
		for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
			if path, err := exec.LookPath(filepath.Join(dir, args[0])); err == nil {
				cmd = exec.Command(path, args[1:]...)
				cmd.Args[0] = args[0]
				break
			}
		}
	}
	cmd.Dir = ts.MkAbs(".")
	for _, kv := range os.Environ() { // testscript has no way to ask for all
		name, _, _ := strings.Cut(kv, "=")
		if v := ts.Getenv(name); v != "" {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	for _, name := range []string{"WEAVER_HOME", "PM2_HOME", "HOME", "PATH", "TZ", "LANG", "WEAVER_NO_HOT", "WEAVER_LOCK_TIMEOUT", "FORCE_COLOR", "REALPM2"} {
		if v := ts.Getenv(name); v != "" {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	return cmd
}

// await PATTERN COMMAND…: until the command succeeds and its stdout matches.
func awaitOutput(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: await PATTERN COMMAND…")
	}
	re := regexp.MustCompile("(?m)" + args[0])
	until(ts, func() (bool, string) {
		var stdout, stderr bytes.Buffer
		cmd := command(ts, args[1:])
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		err := cmd.Run()
		return err == nil && re.Match(stdout.Bytes()) != neg, fmt.Sprintf("%v: %s\n%s", err, stdout.Bytes(), stderr.Bytes())
	})
}

// awaitfile PATTERN FILE: until the file matches.
func awaitFile(ts *testscript.TestScript, neg bool, args []string) {
	re := regexp.MustCompile("(?m)" + args[0])
	until(ts, func() (bool, string) {
		data, err := os.ReadFile(ts.MkAbs(args[1]))
		return (err == nil && re.Match(data)) != neg, fmt.Sprintf("%v: %s", err, data)
	})
}

// pidArg is a pid, or a file that holds one.
func pidArg(ts *testscript.TestScript, arg string) int {
	if pid, err := strconv.Atoi(arg); err == nil {
		return pid
	}
	data, err := os.ReadFile(ts.MkAbs(arg))
	ts.Check(err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
	ts.Check(err)
	return pid
}

// running reports that a process is there and no zombie.
func running(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z")
}

// awaitgone PID|FILE: until that process is gone.
func awaitGone(ts *testscript.TestScript, _ bool, args []string) {
	pid := pidArg(ts, args[0])
	until(ts, func() (bool, string) { return !running(pid), fmt.Sprintf("pid %d still runs", pid) })
}

// alive PID|FILE: that process runs now; ! alive: it does not.
func alive(ts *testscript.TestScript, neg bool, args []string) {
	if pid := pidArg(ts, args[0]); running(pid) == neg {
		ts.Fatalf("pid %d: running is %v", pid, !neg)
	}
}

// parallel N COMMAND…: N at the same time, all of which must succeed.
func parallel(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	outs := make([]string, n)
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		cmd := command(ts, args[1:])
		wg.Go(func() {
			out, err := cmd.CombinedOutput()
			outs[i], errs[i] = string(out), err
		})
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			ts.Fatalf("%d of %d: %v\n%s", i, n, err, outs[i])
		}
	}
}

// json PATH PATTERN: the value at PATH (dots between keys and positions) of the JSON on the last stdout matches.
func jsonPath(ts *testscript.TestScript, neg bool, args []string) {
	var v any
	if err := json.Unmarshal([]byte(ts.ReadFile("stdout")), &v); err != nil {
		ts.Fatalf("stdout is not JSON: %v\n%s", err, ts.ReadFile("stdout"))
	}
	for key := range strings.SplitSeq(strings.Trim(args[0], "."), ".") {
		if key == "" {
			break
		}
		switch node := v.(type) {
		case map[string]any:
			v = node[key]
		case []any:
			i, err := strconv.Atoi(key)
			if key == "length" {
				v = len(node)
			} else if err != nil || i >= len(node) {
				v = nil
			} else {
				v = node[i]
			}
		default:
			v = nil
		}
	}
	text := fmt.Sprint(v)
	if f, ok := v.(float64); ok {
		text = strconv.FormatFloat(f, 'f', -1, 64)
	}
	if regexp.MustCompile("^(?:"+args[1]+")$").MatchString(text) == neg {
		ts.Fatalf("%s is %q", args[0], text)
	}
}

// pidof VARIABLE NAME: sets the variable to the pid of the first process of that name.
func pidOf(ts *testscript.TestScript, _ bool, args []string) {
	out, err := command(ts, []string{"weaver", "pid", args[1]}).Output()
	ts.Check(err)
	pid, _, _ := strings.Cut(string(out), "\n")
	if n, err := strconv.Atoi(pid); err != nil || n == 0 {
		ts.Fatalf("%s has no pid: %q", args[1], out)
	}
	ts.Setenv(args[0], pid)
}

// killpid PID|FILE: SIGKILL.
func killPID(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(syscall.Kill(pidArg(ts, args[0]), syscall.SIGKILL))
}

// repeat FILE TEXT N: a file with TEXT N times.
func repeat(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[2])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), bytes.Repeat([]byte(args[1]), n), 0o755))
}

// volatile is what two runs of one command may say differently: figures, and the room they take in a table.
var volatile = regexp.MustCompile(`[\d.]+%|host metrics .*|"usage":\{[^}]*\}|memory: \d+, cpu: [\d.]+|"[^"]*\d[^"]*"|unique_id: '[^']*'|[\d.]+[kmg]?b\b|[\d.]+m?s\b|\d+[smhD]?\b|[ ─]+`)

// steady is text without what is volatile, its lines sorted: processes are worked on side by side.
func steady(text string) string {
	lines := strings.Split(volatile.ReplaceAllString(text, "·"), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, "·") // figures of other widths are followed by other blanks
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// same COMMAND…: the thin front end and the full one say the same, with the same exit code.
func sameBothWays(ts *testscript.TestScript, _ bool, args []string) {
	said := func(extra ...string) string {
		var stdout, stderr bytes.Buffer
		cmd := command(ts, args)
		cmd.Env = append(cmd.Env, extra...)
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		_ = cmd.Run() // the exit code is part of what is compared
		return fmt.Sprintf("exit %d\nstdout:\n%s\nstderr:\n%s", cmd.ProcessState.ExitCode(), stdout.Bytes(), stderr.Bytes())
	}
	thin, full := said(), said("WEAVER_NO_HOT=1")
	if steady(thin) != steady(full) {
		ts.Fatalf("thin says:\n%s\nfull says:\n%s", thin, full)
	}
}

// fetch STATUS PATTERN PATH: what the URL in the file "url" answers at that path.
func fetch(ts *testscript.TestScript, _ bool, args []string) {
	url := strings.TrimSpace(ts.ReadFile("url")) + args[2]
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	ts.Check(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	ts.Check(err)
	if strconv.Itoa(resp.StatusCode) != args[0] || !regexp.MustCompile(args[1]).Match(body) {
		ts.Fatalf("%s: %s: %s", url, resp.Status, body)
	}
}
