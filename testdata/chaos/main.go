//go:build linux

// Command chaos kills whatever there is, in an order that a seed decides, and looks from outside whether weaver keeps its
// word: every wished process runs exactly once, nothing else does, weaver's own deaths restart nothing and fail no request,
// and no line that a process printed is missing or doubled. It never asks weaver what is true; /proc and the log files say.
//
//	go run ./testdata/chaos [-bin DIR] [-seed N] [-for DURATION] [-services N]
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	if role := os.Getenv("CHAOS_ROLE"); role != "" {
		os.Exit(play(role))
	}
	bin := flag.String("bin", "bin", "where weaver and weaverd are")
	seed := flag.Uint64("seed", 1, "what decides the order")
	length := flag.Duration("for", 30*time.Second, "how long to go on")
	services := flag.Int("services", 20, "how many services, beside one or two of each special kind")
	flag.Parse()
	w, err := newWorld(*bin, *seed, *services)
	if err == nil {
		err = w.run(*length)
		w.close(err != nil)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}

// world is a weaver and what it is to keep running.
type world struct {
	weaver, home string
	mounted      bool // the home is a file system of its own, which can be full
	rand         *rand.Rand
	seed         uint64
	wished       []*service
	load         *load
	acts         map[string]int
	largest      int       // memory of a supervisor, in kB
	all          time.Time // when the last act was that was about every service, and that nobody waited for
}

// service is one wished process.
type service struct {
	name, role string
	port       int
	up         atomic.Bool
	instances  atomic.Int32
}

// comesAndGoes says that it is another process now and then, without anybody's doing, and may be none for a moment.
func (s *service) comesAndGoes() bool { return s.role == "crash" || s.role == "cron" }

func (s *service) http() bool { return s.role == "http" || s.role == "cluster" }

// homeSize is that of the home's file system: the logs of an hour, and not too much to fill.
const homeSize = "160m"

func newWorld(bin string, seed uint64, n int) (*world, error) {
	dir, err := os.MkdirTemp("", "chaos")
	if err != nil {
		return nil, err
	}
	bin, err = filepath.Abs(bin)
	if err != nil {
		return nil, err
	}
	w := &world{
		weaver: filepath.Join(bin, "weaver"), home: dir, seed: seed, rand: rand.New(rand.NewPCG(seed, 0)), acts: map[string]int{},
	}
	if os.Geteuid() == 0 {
		w.mounted = syscall.Mount("chaos", dir, "tmpfs", 0, "mode=700,size="+homeSize) == nil // else no disk is ever full
	}
	var roles []string
	usual := []string{"count", "count", "http", "crash", "count", "fork"}
	for i := range n {
		roles = append(roles, usual[i%len(usual)])
	}
	roles = append(roles, "busy", "bounded", "cron", "cron", "flood", "flood")
	if _, err := exec.LookPath("node"); err == nil {
		roles = append(roles, "cluster", "cluster")
	}
	for i, role := range roles {
		s := &service{name: fmt.Sprintf("s%02d", i), role: role}
		s.up.Store(true)
		s.instances.Store(1)
		if role == "cluster" {
			s.instances.Store(2)
		}
		if s.http() {
			if s.port, err = freePort(); err != nil {
				return nil, err
			}
		}
		w.wished = append(w.wished, s)
	}
	return w, nil
}

// weaverCommand is weaver, not started yet.
func (w *world) weaverCommand(args ...string) *exec.Cmd {
	cmd := exec.Command(w.weaver, args...)
	cmd.Env = append(os.Environ(), "WEAVER_HOME="+w.home)
	return cmd
}

// command runs weaver, which has a minute at most.
func (w *world) command(args ...string) error {
	cmd := exec.Command("timeout", append([]string{"60", w.weaver}, args...)...)
	cmd.Env = append(os.Environ(), "WEAVER_HOME="+w.home)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("weaver %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// start starts all services from one file.
func (w *world) start() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	script := filepath.Join(w.home, "cluster.js")
	if err := os.WriteFile(script, []byte(clusterScript), 0o600); err != nil {
		return err
	}
	var apps []map[string]any
	for _, s := range w.wished {
		a := map[string]any{
			"name": s.name, "script": self, "interpreter": "none", "args": []string{s.name}, "restart_delay": 100,
			"env": map[string]string{"CHAOS_ROLE": s.role, "CHAOS_HOME": w.home, "CHAOS_PORT": fmt.Sprint(s.port), "CHAOS_NAME": s.name, "GOMAXPROCS": "1"},
		}
		switch s.role {
		case "busy":
			a["max_cpu"] = fmt.Sprint(busyShare, "%")
		case "bounded":
			a["max_memory"] = "300M"
		case "cron":
			a["cron_restart"] = "*/3 * * * * *"
		case "flood":
			a["max_log_size"], a["max_log_files"] = "2M", 4
		case "cluster":
			a["script"], a["exec_mode"], a["instances"] = script, "cluster", s.instances.Load()
			delete(a, "interpreter")
		}
		apps = append(apps, a)
	}
	data, err := json.Marshal(map[string]any{"apps": apps})
	if err != nil {
		return err
	}
	file := filepath.Join(w.home, "eco.json")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		return err
	}
	return w.command("start", file)
}

func (w *world) run(length time.Duration) error {
	if err := w.start(); err != nil {
		return err
	}
	if err := w.settle(); err != nil {
		return err
	}
	w.load = newLoad(w.wished)
	defer w.load.stop()
	rounds, told := 0, time.Now()
	for end := time.Now().Add(length); time.Now().Before(end); rounds++ {
		if time.Since(told) >= time.Minute {
			told = time.Now()
			fmt.Fprintf(os.Stderr, "chaos: %v left, %d rounds, %d requests\n", time.Until(end).Round(time.Second), rounds, w.load.asked.Load())
		}
		a := w.pick(time.Until(end))
		w.acts[a.name]++
		if err := w.round(a); err != nil {
			return fmt.Errorf("seed %d, round %d, %s: %w", w.seed, rounds, a.name, err)
		}
	}
	failed, asked := w.load.stop()
	if failed != "" {
		return fmt.Errorf("seed %d: a request failed: %s", w.seed, failed)
	}
	if err := w.bounded(); err != nil {
		return fmt.Errorf("seed %d: %w", w.seed, err)
	}
	if err := w.ticks(); err != nil {
		return fmt.Errorf("seed %d: %w", w.seed, err)
	}
	if w.largest > mostMemory {
		return fmt.Errorf("seed %d: a supervisor took %d kB", w.seed, w.largest)
	}
	lines, lost, err := w.readLogs()
	if err != nil {
		return fmt.Errorf("seed %d: %w", w.seed, err)
	}
	fmt.Printf("seed %d: %d services, %d rounds %v; %d requests, none failed by weaver; %d lines, complete and in order, and %d bytes that a full disk refused, each told of; supervisor at most %d kB\n",
		w.seed, len(w.wished), rounds, w.acts, asked, lines, lost, w.largest)
	return nil
}

// mostMemory is what a supervisor of these services may take, in kB.
const mostMemory = 64 << 10

// ticks checks that schedules go on.
func (w *world) ticks() error {
	for _, s := range w.wished {
		if s.role != "cron" || !s.up.Load() {
			continue
		}
		v, err := w.look()
		if err != nil {
			return err
		}
		was := v.mains[s.name]
		if err := until(s.name+" is restarted by its schedule", func() bool {
			v, err := w.look()
			now := v.mains[s.name]
			return err == nil && len(now) == 1 && (len(was) != 1 || now[0] != was[0])
		}); err != nil {
			return err
		}
	}
	return nil
}

// owedFor is how long a command goes on whose front end was killed: a program that waits for somebody to read what it prints is
// killed when it was asked to end for 1.6 seconds.
const owedFor = 5 * time.Second

// round does one act and looks at what has become of the rest.
func (w *world) round(a act) error {
	began := time.Now()
	before, err := w.look()
	if err != nil {
		return err
	}
	touched, err := a.do(w)
	if err != nil {
		return err
	}
	if err := w.settle(); err != nil {
		return err
	}
	after, err := w.look()
	if err != nil {
		return err
	}
	w.largest = max(w.largest, after.memory)
	for _, s := range w.wished {
		if s.comesAndGoes() || began.Sub(w.all) < owedFor || s == touched || !s.up.Load() {
			continue
		}
		if b, a := before.mains[s.name], after.mains[s.name]; !slices.Equal(b, a) {
			return fmt.Errorf("%s (%s) was processes %v and is %v, and nobody touched it", s.name, s.role, b, a)
		}
	}
	return nil
}

// close ends everything; what is left of a failure stays to be looked at.
func (w *world) close(failed bool) {
	if w.load != nil {
		w.load.stop()
	}
	if err := w.command("kill"); err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
	}
	if now, err := w.look(); err == nil {
		for name, mains := range now.mains {
			for _, p := range mains {
				fmt.Fprintf(os.Stderr, "chaos: %s (process %d) is left behind by kill\n", name, p.pid)
				kill(p.pid)
			}
		}
	}
	if failed {
		fmt.Fprintln(os.Stderr, "chaos: look at", w.home)
		return
	}
	if w.mounted {
		if err := syscall.Unmount(w.home, 0); err != nil {
			fmt.Fprintln(os.Stderr, "chaos: unmount:", err)
		}
	}
	os.RemoveAll(w.home)
}
