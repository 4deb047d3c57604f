//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// bench is one run.
type bench struct {
	options
	scale scale
	only  *regexp.Regexp // rows to measure; nil is all
	floor *floor
	call  *caller
	// pm2Path is empty when there is none.
	pm2Path string
	dirs    dirs
	homes   int // made so far
	rep     report
}

// scale is how much is done. Figures of the small one mean little; it shows that everything works.
type scale struct {
	rounds, budgetSeconds    int
	pm2Every                 int // PM2 takes part in each n-th round
	lists                    []int
	bulks                    []int // started at once
	bulkRounds               int
	pm2Most                  int // services that PM2 is given at most
	memory                   []int
	pm2Memory                []int
	sampled                  int // services while sampling is measured
	sampleFor                time.Duration
	settle                   time.Duration // lets a daemon finish what starting services brought with it
	kills                    int
	lineBytes, blockBytes    int // log volume per turn
	pm2LineBytes, pm2BlkByte int
	logRounds                int
	presses, messages        int           // turns under load, messages a turn
	press                    time.Duration // a turn
}

var full = scale{
	rounds: 300, budgetSeconds: 45, pm2Every: 20, lists: []int{3, 100, 500},
	bulks: []int{100, 1000}, bulkRounds: 5, pm2Most: 500,
	memory: []int{0, 100, 1000}, pm2Memory: []int{0, 100}, sampled: 1000, sampleFor: 20 * time.Second, settle: 3 * time.Second,
	kills: 200, lineBytes: 1 << 30, blockBytes: 1 << 30, pm2LineBytes: 64 << 20, pm2BlkByte: 256 << 20, logRounds: 5,
	presses: 8, press: 2 * time.Second, messages: 50_000,
}

var quick = scale{
	rounds: 20, budgetSeconds: 3, pm2Every: 10, lists: []int{3, 20},
	bulks: []int{20, 100}, bulkRounds: 2, pm2Most: 20,
	memory: []int{0, 20, 100}, pm2Memory: []int{0, 20}, sampled: 100, sampleFor: 2 * time.Second, settle: 500 * time.Millisecond,
	kills: 20, lineBytes: 32 << 20, blockBytes: 128 << 20, pm2LineBytes: 4 << 20, pm2BlkByte: 16 << 20, logRounds: 2,
	presses: 3, press: 500 * time.Millisecond, messages: 5_000,
}

// suites are the groups of rows, in the order of the report. Each adds its rows; what it cannot do it skips with a reason.
func (b *bench) suites() []suite {
	return []suite{
		{"calls", b.calls},
		{"starting", b.starting},
		{"respawn", b.respawn},
		{"memory", b.memory},
		{"sampling", b.sampling},
		{"logs", b.logs},
		{"cluster", b.cluster},
		{"targets", b.targets},
		{"messages", b.messages},
		{"preload", b.preload},
	}
}

type suite struct {
	name string
	run  func() error
}

// measure runs all suites. One that fails is in the report, and does not keep the others from running.
func (b *bench) measure() {
	for _, s := range b.suites() {
		start := time.Now()
		if err := s.run(); err != nil {
			b.skip(s.name, err)
		}
		if took := time.Since(start).Round(time.Second); took > 0 { // else none of its rows was asked for
			progress("%s took %v", s.name, took)
		}
	}
}

// wants reports whether any row of these names is asked for.
func (b *bench) wants(ids ...string) bool {
	for _, id := range ids {
		if b.only == nil || b.only.MatchString(id) {
			return true
		}
	}
	return false
}

// add puts a finished row into the report.
func (b *bench) add(r *row, id, group, name string, u unit) {
	r.ID, r.Group, r.Name, r.Unit = id, group, name, u
	b.rep.Rows = append(b.rep.Rows, r)
	text := "  " + name + ":"
	for _, res := range r.Results {
		switch {
		case res.N > 0:
			text += fmt.Sprintf(" %s %s,", res.Subject, u.show(res.Median))
		default:
			text += fmt.Sprintf(" %s failed,", res.Subject)
		}
		if res.Failed != "" {
			b.skip(name+", "+res.Subject, errors.New(res.Failed))
		}
	}
	for _, c := range r.Checks {
		text += " " + c.verdict(u)
	}
	progress("%s", strings.TrimSuffix(text, ","))
}

// skip notes what was not measured.
func (b *bench) skip(what string, why error) {
	progress("  skipped %s: %v", what, why)
	b.rep.Skipped = append(b.rep.Skipped, skip{what, why.Error()})
}

var errNoPM2 = errors.New("no PM2: neither -pm2, nor $WEAVER_TEST_PM2, nor an npm that installs it")

// weaver makes a home for a weaver below a directory. No daemon runs yet.
func (b *bench) weaver(below string) (*manager, error) {
	bin, err := filepath.Abs(b.options.weaver)
	if err != nil {
		return nil, err
	}
	return b.manager(below, subWeaver, bin, "WEAVER_HOME", weaverPIDs)
}

// pm2In makes a home for a PM2.
func (b *bench) pm2In(below string) (*manager, error) {
	if b.pm2Path == "" {
		return nil, errNoPM2
	}
	return b.manager(below, subPM2, b.pm2Path, "PM2_HOME", pm2PIDs)
}

// manager makes a home. It stays short: a socket's path has room for 107 bytes.
func (b *bench) manager(below, name, bin, variable string, pids func(*manager) ([]int, error)) (*manager, error) {
	b.homes++
	home := filepath.Join(below, fmt.Sprintf("%c%d", name[0], b.homes), "h")
	if err := os.MkdirAll(home, 0o700); err != nil {
		return nil, err
	}
	env := append(cleanEnviron(), variable+"="+home)
	return &manager{name: name, bin: bin, home: home, env: env, call: b.call, pids: pids}, nil
}

// managers gives weaver and PM2 a home each and has them run. What is not there is skipped.
func (b *bench) managers(below, what string, withPM2 bool) []*manager {
	makers := []func(string) (*manager, error){b.weaver}
	if withPM2 {
		makers = append(makers, b.pm2In)
	}
	var all []*manager
	for i, home := range makers {
		m, err := home(below)
		if err == nil {
			err = m.do("ping")
		}
		if err != nil {
			b.skip(what+", "+[]string{subWeaver, subPM2}[i], err)
			continue
		}
		all = append(all, m)
	}
	return all
}

// endAll ends managers.
func endAll(all []*manager) {
	for _, m := range all {
		m.end(m.name == subWeaver) // PM2 takes minutes to end hundreds of services
	}
}

var steers = regexp.MustCompile(`^(WEAVER|PM2|BENCH)_`)

// cleanEnviron is the environment without what would steer a supervisor.
func cleanEnviron() []string {
	var env []string
	for _, kv := range os.Environ() {
		if name, _, _ := strings.Cut(kv, "="); !steers.MatchString(name) {
			env = append(env, kv)
		}
	}
	return env
}

// progress talks on stderr.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%s "+format+"\n", append([]any{time.Now().Format("15:04:05")}, args...)...)
}
