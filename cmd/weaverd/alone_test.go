//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// mains counts the main processes of each service, as /proc has it: those whose arguments end with the mark that they were given.
func (h *house) mains(mark string) map[string]int {
	count := map[string]int{}
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, dir := range dirs {
		line, _ := os.ReadFile(dir + "/cmdline") // it may be gone, and below
		args := strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00")
		pid, _ := strconv.Atoi(filepath.Base(dir))
		if len(args) < 3 || args[len(args)-2] != mark || isZombie(pid) || strings.HasPrefix(filepath.Base(args[0]), "weaver") {
			continue
		}
		stat, _ := os.ReadFile(dir + "/stat")
		fields := strings.Fields(string(stat[strings.LastIndex(string(stat), ")")+1:]))
		if len(fields) > 3 && fields[3] == strconv.Itoa(pid) { // the first of its session
			count[args[len(args)-1]]++
		}
	}
	return count
}

// Supervisor, anchor and the command that asked for something all die in the middle of it. Nobody goes on with what was asked, but
// what is wished to run runs, once: a restart that has ended a process has also started it.
func TestOperationsThatNobodyWaitsFor(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	mark := filepath.Base(h.home)
	script := h.write("deaf.sh", strings.ReplaceAll(deaf, "0.15", "0.05"))
	names := []string{"base", "middle", "top", "p", "q"}
	eco := h.ecosystem(names, func(name string, a map[string]any) {
		a["script"], a["args"] = script, []string{mark, name}
		switch name {
		case "middle", "top":
			a["depends_on"] = []string{map[string]string{"middle": "base", "top": "middle"}[name]}
		case "q":
			a["instances"] = 3
		}
	})
	h.weaver("start", eco)
	acts := [][]string{
		{"restart", "all"},
		{"reload", "all"},
		{"service", "restart", "top"},
		{"restart", "base", "middle", "top"},
		{"restart", eco},
		{"scale", "q", "5"},
		{"scale", "q", "3"},
		{"start", eco},
	}
	rounds := 2 * len(acts)
	if testing.Short() {
		rounds = len(acts)
	}
	if n, _ := strconv.Atoi(os.Getenv("WEAVER_TEST_ROUNDS")); n > 0 {
		rounds = n
	}
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	for i := range rounds {
		args := acts[i%len(acts)]
		p := h.ping()
		cmd := exec.Command(filepath.Join(bin, "weaver"), args...)
		cmd.Dir, cmd.Env = h.home, h.environ()
		require.NoError(t, cmd.Start())
		time.Sleep(time.Duration(random.IntN(250)) * time.Millisecond) // somewhere in the middle of it
		dead := []int{cmd.Process.Pid, p.PID}
		if i/len(acts)%2 == 0 {
			dead = []int{p.Anchor, p.PID, cmd.Process.Pid}
		}
		for _, pid := range dead {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
		}
		_ = cmd.Wait() // it was killed
		require.Eventually(t, func() bool { return !exists(p.PID) }, 20*time.Second, time.Millisecond)

		var wrong string
		good := 0
		settled := func() bool {
			wrong = ""
			want := map[string]int{}
			for _, s := range h.list() {
				if s.Env.Status != "online" {
					wrong += fmt.Sprintf("%s (%d) is %s; ", s.Name, s.ID, s.Env.Status)
				}
				want[s.Name]++
			}
			if n := want["q"]; n < 3 || n > 5 || len(want) != len(names) {
				wrong += fmt.Sprint("listed are ", want, "; ")
			}
			if got := h.mains(mark); fmt.Sprint(got) != fmt.Sprint(want) {
				wrong += fmt.Sprint("there are ", got, ", of ", want)
			}
			if good++; wrong != "" {
				good = 0
			}
			return good == 2
		}
		for end := time.Now().Add(20 * time.Second); !settled(); time.Sleep(30 * time.Millisecond) {
			require.True(t, time.Now().Before(end), "seed %d, round %d, %v: %s", seed, i, args, wrong)
		}
	}
}

// ecosystem writes a config file of apps.
func (h *house) ecosystem(names []string, with func(name string, a map[string]any)) string {
	var apps []map[string]any
	for _, name := range names {
		a := map[string]any{"name": name, "interpreter": "none"}
		with(name, a)
		apps = append(apps, a)
	}
	data, err := json.Marshal(map[string]any{"apps": apps})
	require.NoError(h.t, err)
	return h.write("eco.json", string(data))
}
