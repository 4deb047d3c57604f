//go:build linux

// Command compare does to weaver, PM2 and supervisord what kills them, and counts from outside what became of their services:
// how many of them run once, how many more than once, how many not at all, and how many are still there after the supervisor
// was asked to end everything. It prints a table in Markdown.
//
//	go run ./testdata/compare [-bin DIR] [-pm2 FILE] [-services N]
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

func main() {
	bin := flag.String("bin", "bin", "where weaver and weaverd are")
	pm2 := flag.String("pm2", "/tmp/weaver-ci-tools/node_modules/.bin/pm2", "PM2's command")
	services := flag.Int("services", 10, "how many services")
	of := flag.String("of", "", "only those whose names have this in them")
	flag.Parse()
	abs, err := filepath.Abs(*bin)
	if err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
	rivals := []rival{&weaver{command: filepath.Join(abs, "weaver")}, &pm2Rival{command: *pm2}, &supervisord{}}
	var columns [][]string
	for _, r := range rivals {
		if !strings.Contains(r.name(), *of) {
			continue
		}
		column := []string{r.name()}
		for _, a := range acts {
			text, err := play(r, a, *services)
			if err != nil {
				text = "not done: " + err.Error()
			}
			column = append(column, text)
			fmt.Fprintf(os.Stderr, "%s, %s: %s\n", r.name(), a.name, text)
		}
		columns = append(columns, column)
	}
	head := "| |"
	for _, c := range columns {
		head += " " + c[0] + " |"
	}
	fmt.Println(head + "\n|---" + strings.Repeat("|---", len(columns)) + "|")
	for i, a := range acts {
		line := "| " + a.name + " |"
		for _, c := range columns {
			line += " " + c[i+1] + " |"
		}
		fmt.Println(line)
	}
}

// rival is a supervisor of services.
type rival interface {
	name() string
	// start starts it in a home of its own, with services that run a command.
	start(home string, services int, command []string) error
	// pid is that of the process to kill.
	pid(home string) (int, error)
	// again is what somebody does who finds it dead.
	again(home string) error
	// restart has it start anew by its own means, with everything going on.
	restart(home string) error
	// end has it end everything.
	end(home string) error
}

// act is what is done, in a home where all services run.
type act struct {
	name string
	do   func(r rival, home string) error
}

var acts = []act{
	{"its daemon is killed (SIGKILL)", func(r rival, home string) error { return killed(r, home, false) }},
	{"and then started again", func(r rival, home string) error { return killed(r, home, true) }},
	{"and then asked to end everything", func(r rival, home string) error {
		if err := killed(r, home, true); err != nil {
			return err
		}
		if err := r.end(home); err != nil {
			return err
		}
		settle(home)
		return nil
	}},
	{"it is updated in place, or restarted", func(r rival, home string) error {
		if err := r.restart(home); err != nil {
			return err
		}
		settle(home)
		return nil
	}},
}

// settle returns when nothing has come or gone for a while.
func settle(home string) {
	was, since := "", time.Now()
	for end := since.Add(time.Minute); time.Now().Before(end) && time.Since(since) < 4*time.Second; time.Sleep(100 * time.Millisecond) {
		if now := fmt.Sprint(running(home)); now != was { // maps are printed in order
			was, since = now, time.Now()
		}
	}
}

func killed(r rival, home string, again bool) error {
	pid, err := r.pid(home)
	if err != nil {
		return err
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return err
	}
	settle(home)
	if again {
		if err := r.again(home); err != nil {
			return err
		}
		settle(home)
	}
	return nil
}

// service prints all the time; a program that prints into a pipe that nobody reads dies of it. Every other one is silent.
const service = `#!/bin/sh
n=0
while :; do
  n=$((n+1))
  case $1 in *[13579]) ;; *) echo "line $n" || exit 1 ;; esac
  sleep 0.1
done
`

// play does one act in a home of its own, and says what became of the services.
func play(r rival, a act, n int) (string, error) {
	home, err := os.MkdirTemp("", "compare")
	if err != nil {
		return "", err
	}
	tidy := sync.OnceFunc(func() {
		_ = r.end(home)                      // it may be gone
		for _, pids := range running(home) { // whatever is left
			for pid := range pids {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		_ = os.RemoveAll(home)
	})
	defer tidy()
	defer onSignal(tidy)()
	script := filepath.Join(home, "service.sh")
	if err := os.WriteFile(script, []byte(service), 0o755); err != nil {
		return "", err
	}
	if err := r.start(home, n, []string{"/bin/sh", script}); err != nil {
		return "", err
	}
	var before map[string]map[int]bool
	for range 600 {
		if before = running(home); len(before) == n {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if len(before) != n {
		return "", fmt.Errorf("%d of %d services run at the beginning", len(before), n)
	}
	if err := a.do(r, home); err != nil {
		return "", err
	}
	after := running(home)
	once, more, same := 0, 0, 0
	for name, pids := range after {
		if len(pids) > 1 {
			more++
			continue
		}
		once++
		for pid := range pids {
			if before[name][pid] {
				same++
			}
		}
	}
	if len(after) == 0 {
		return "none run", nil
	}
	text := fmt.Sprintf("%d run, %d of them the same process", once+more, same)
	if more > 0 {
		text += fmt.Sprintf(", **%d doubled**", more)
	}
	if lost := n - len(after); lost > 0 {
		text += fmt.Sprintf(", **%d lost**", lost)
	}
	return text, nil
}

// onSignal tidies up before this process ends by a signal, such as a timeout's, until it is called off.
func onSignal(tidy func()) (off func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	done := make(chan struct{})
	go func() { // ends when it is called off
		select {
		case <-signals:
			tidy()
			os.Exit(1)
		case <-done:
		}
	}()
	return func() {
		signal.Stop(signals)
		close(done)
	}
}

// running is which processes of which service there are.
func running(home string) map[string]map[int]bool {
	out := map[string]map[int]bool{}
	dirs, _ := filepath.Glob("/proc/[0-9]*") // no pattern of ours is malformed
	for _, dir := range dirs {
		line, _ := os.ReadFile(dir + "/cmdline")
		args := strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00")
		if len(args) != 3 || args[1] != filepath.Join(home, "service.sh") {
			continue
		}
		stat, _ := os.ReadFile(dir + "/stat")
		if _, rest, _ := bytes.Cut(stat, []byte(") ")); len(rest) == 0 || rest[0] == 'Z' {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		if out[args[2]] == nil {
			out[args[2]] = map[int]bool{}
		}
		out[args[2]][pid] = true
	}
	return out
}

func run(env []string, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env...)
	var said bytes.Buffer
	out, err := os.CreateTemp("", "said") // a daemon may keep it open: a pipe would be waited for
	if err != nil {
		return err
	}
	defer os.Remove(out.Name())
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(out.Name())
		said.Write(text)
		return fmt.Errorf("%s %v: %w: %s", filepath.Base(name), args, err, &said)
	}
	return nil
}

func pidIn(path string) (int, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(data)))
}
