//go:build linux

// Command soak has many services run and asks for something all the time, and looks whether the supervisor grows: its memory,
// descriptors, threads and goroutines must have no slope.
//
//	go run ./testdata/soak [-bin DIR] [-services N] [-for DURATION]
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

func main() {
	bin := flag.String("bin", "bin", "where weaver and weaverd are")
	services := flag.Int("services", 200, "how many services")
	length := flag.Duration("for", 20*time.Minute, "how long to go on; the first quarter is not measured")
	flag.Parse()
	if err := soak(*bin, *services, *length); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

// farm is a weaver with its services.
type farm struct {
	weaver, home string
	services     int
	commands     int
	rand         *rand.Rand
}

func (f *farm) run(args ...string) (string, error) {
	cmd := exec.Command(f.weaver, args...)
	cmd.Env = append(os.Environ(), "WEAVER_HOME="+f.home)
	out, err := cmd.CombinedOutput()
	f.commands++
	if err != nil {
		return "", fmt.Errorf("weaver %v: %w: %s", args, err, out)
	}
	return string(out), nil
}

// service prints a line now and then, and lives for ever; every tenth ends after a while. It must cost next to nothing: two hundred
// that start a program every two seconds keep two slow processors busy with that alone.
const service = `#!/bin/sh
n=0
while :; do n=$((n+1)); echo "line $n of some length, as programs print them"; sleep 10; [ "$1" = ends ] && [ $n = 2 ] && exit 1; done
`

func soak(bin string, services int, length time.Duration) error {
	home, err := os.MkdirTemp("", "soak")
	if err != nil {
		return err
	}
	defer os.RemoveAll(home)
	if bin, err = filepath.Abs(bin); err != nil {
		return err
	}
	f := &farm{weaver: filepath.Join(bin, "weaver"), home: home, services: services, rand: rand.New(rand.NewPCG(1, 1))}
	script := filepath.Join(home, "service.sh")
	if err := os.WriteFile(script, []byte(service), 0o755); err != nil {
		return err
	}
	var apps []map[string]any
	for i := range services {
		app := map[string]any{"name": fmt.Sprintf("s%d", i), "script": script, "min_uptime": "1s"}
		if i%10 == 0 {
			app["args"] = "ends"
		}
		apps = append(apps, app)
	}
	file, err := json.Marshal(map[string]any{"apps": apps})
	if err != nil {
		return err
	}
	path := filepath.Join(home, "soak.config.json")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		return err
	}
	defer f.run("kill") //nolint:errcheck // what went wrong is told already
	if _, err := f.run("start", path); err != nil {
		return err
	}
	samples, err := f.ask(length)
	if err != nil {
		return err
	}
	return f.judge(samples, length)
}

// ask goes on asking for things, and measures every few seconds once it has warmed up.
func (f *farm) ask(length time.Duration) (samples []sample, err error) {
	began := time.Now()
	next := began.Add(length / 4)
	every := max(length/200, time.Second)
	told := began
	pid := 0
	for time.Since(began) < length {
		if err := f.something(); err != nil {
			return nil, err
		}
		if time.Since(told) >= time.Minute {
			told = time.Now()
			fmt.Fprintf(os.Stderr, "%v of %v: %d commands, %d samples\n", told.Sub(began).Round(time.Second), length, f.commands, len(samples))
		}
		if time.Now().Before(next) {
			continue
		}
		s, err := f.measure()
		if err != nil {
			return nil, err
		}
		if pid != 0 && pid != s.pid {
			return nil, fmt.Errorf("supervisor %d was replaced by %d", pid, s.pid)
		}
		pid = s.pid
		samples = append(samples, s)
		next = time.Now().Add(every)
	}
	return samples, nil
}

// something is one command, of those that people and scripts give.
func (f *farm) something() error {
	name := fmt.Sprintf("s%d", f.rand.IntN(f.services))
	lines := [][]string{
		{"list"},
		{"jlist"},
		{"describe", name},
		{"restart", name},
		{"restart", name, "--update-env"},
		{"stop", name},
		{"start", name},
		{"reload", name},
		{"logs", name, "--nostream", "--lines", "5"},
		{"service", "status", name},
		{"why", name},
		{"flush", name},
		{"save"},
		{"scale", name, "2"},
		{"scale", name, "1"},
	}
	line := lines[f.rand.IntN(len(lines))]
	_, err := f.run(line...)
	if err != nil && line[0] == "scale" && strings.Contains(err.Error(), "Nothing to do") {
		return nil
	}
	return err
}

// sample is what the supervisor has at a time.
type sample struct {
	at     time.Time
	pid    int
	values [4]float64
}

// figures are what is measured, and by how much each may have grown at the end by its slope.
var figures = [4]struct {
	name string
	most float64
}{{"memory, kB", 2048}, {"descriptors", 8}, {"threads", 2}, {"goroutines", 8}}

func (f *farm) measure() (s sample, err error) {
	out, err := f.run("ping", "--json")
	if err != nil {
		return s, err
	}
	var p struct {
		PID int `json:"pid"`
	}
	if err := json.Unmarshal([]byte(out), &p); err != nil {
		return s, err
	}
	s.at, s.pid = time.Now(), p.PID
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID))
	if err != nil {
		return s, err
	}
	for line := range strings.Lines(string(status)) {
		fields := strings.Fields(line)
		switch fields[0] {
		case "RssAnon:":
			s.values[0], _ = strconv.ParseFloat(fields[1], 64)
		case "Threads:":
			s.values[2], _ = strconv.ParseFloat(fields[1], 64)
		}
	}
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.PID))
	if err != nil {
		return s, err
	}
	s.values[1] = float64(len(fds))
	s.values[3], err = f.goroutines()
	return s, err
}

func (f *farm) goroutines() (float64, error) {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(f.home, "weaver.sock"))
	}
	client := http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
	resp, err := client.Post("http://weaver/v1/profile?kind=goroutine&ms=0", "application/json", bytes.NewReader(nil))
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	line, err := bufio.NewReader(resp.Body).ReadString('\n')
	if err != nil && err != io.EOF {
		return 0, err
	}
	_, number, ok := strings.Cut(strings.TrimSpace(line), "total ")
	if !ok {
		return 0, fmt.Errorf("odd profile of goroutines: %q", line)
	}
	return strconv.ParseFloat(number, 64)
}

// judge fits a line to each figure.
func (f *farm) judge(samples []sample, length time.Duration) error {
	if len(samples) < 10 {
		return fmt.Errorf("only %d samples", len(samples))
	}
	fmt.Printf("%d services, %v, %d commands, %d samples\n", f.services, length, f.commands, len(samples))
	var grown []string
	for i, figure := range figures {
		least, most := samples[0].values[i], samples[0].values[i]
		var n, sx, sy, sxx, sxy float64
		for _, s := range samples {
			x, y := s.at.Sub(samples[0].at).Seconds(), s.values[i]
			least, most = min(least, y), max(most, y)
			n, sx, sy, sxx, sxy = n+1, sx+x, sy+y, sxx+x*x, sxy+x*y
		}
		slope := (n*sxy - sx*sy) / (n*sxx - sx*sx)
		over := samples[len(samples)-1].at.Sub(samples[0].at).Seconds()
		fmt.Printf("%-12s %8.0f to %8.0f, %+9.2f by its slope over %.0f s (at most %.0f)\n", figure.name, least, most, slope*over, over, figure.most)
		if slope*over > figure.most {
			grown = append(grown, figure.name)
		}
	}
	if len(grown) > 0 {
		return fmt.Errorf("the supervisor grows: %s", strings.Join(grown, "; "))
	}
	return nil
}
