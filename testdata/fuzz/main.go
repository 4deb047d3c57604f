// Command fuzz gives every fuzz target of the module its share of CPU time, and writes down how much each has had.
//
// Go's -fuzztime counts the wall clock; what finds something is the CPU. So slices are run, those of the target that had least
// first, until each has had -cpu; what they took is added up in a table (-table), from which the next run goes on. Inputs that
// reach new code stay in Go's build cache; one that fails is written to the target's testdata by go test, and the others go on.
package main

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// target is a fuzz target and what it has had.
type target struct {
	pkg, name string
	cpu       time.Duration
	execs     int64
}

func main() {
	table := flag.String("table", "bench/fuzz.txt", "what each target has had")
	each := flag.Duration("cpu", 10*time.Minute, "CPU time that each target gets in all")
	slice := flag.Duration("slice", time.Minute, "time of one run")
	long := flag.Duration("for", 0, "end after this time (0: when all have had theirs)")
	flag.Parse()
	if err := run(*table, *each, *slice, *long); err != nil {
		fmt.Fprintln(os.Stderr, "fuzz:", err)
		os.Exit(1)
	}
}

func run(table string, each, slice, long time.Duration) error {
	all, err := find()
	if err != nil {
		return err
	}
	targets := slices.Clone(all)
	if err := recall(table, all); err != nil {
		return err
	}
	var failed []string
	for start := time.Now(); len(targets) > 0 && (long == 0 || time.Since(start) < long); {
		slices.SortStableFunc(targets, func(a, b *target) int { return cmp.Compare(a.cpu, b.cpu) })
		t := targets[0]
		if t.cpu >= each {
			break
		}
		done := 0
		for _, o := range all {
			if o.cpu >= each {
				done++
			}
		}
		fmt.Printf("%s %d of %d have had %s; next: %s %s, which has had %s\n",
			time.Now().Format(time.TimeOnly), done, len(all), each, t.pkg, t.name, t.cpu.Round(time.Second))
		if err := t.fuzz(slice); err != nil {
			fmt.Println(err)
			failed = append(failed, t.pkg+" "+t.name)
			targets = targets[1:]
		}
		if err := write(table, all); err != nil {
			return err
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("failed: %s", strings.Join(failed, ", "))
	}
	return nil
}

// find lists the targets by what is written in the sources that git knows.
func find() ([]*target, error) {
	out, err := exec.Command("git", "grep", "-o", "^func Fuzz[A-Za-z0-9_]*", "--", "*_test.go").Output()
	if err != nil {
		return nil, fmt.Errorf("look for fuzz targets: %w", err)
	}
	var all []*target
	for line := range strings.Lines(string(out)) {
		file, name, _ := strings.Cut(strings.TrimSpace(line), ":func ")
		all = append(all, &target{pkg: file[:max(0, strings.LastIndexByte(file, '/'))], name: name})
	}
	return all, nil
}

var execs = regexp.MustCompile(`execs: (\d+)`)

// fuzz runs the target for a while.
func (t *target) fuzz(slice time.Duration) error {
	cmd := exec.Command("go", "test", "-vet=off", "-run", "^$", "-fuzz", "^"+t.name+"$", "-fuzztime", slice.String(), "-parallel", "1", "./"+t.pkg)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if cmd.ProcessState != nil {
		t.cpu += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	if all := execs.FindAllStringSubmatch(out.String(), -1); len(all) > 0 {
		n, _ := strconv.ParseInt(all[len(all)-1][1], 10, 64)
		t.execs += n
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w\n%s", t.pkg, t.name, err, out.String())
	}
	return nil
}

// recall reads what targets have had in earlier runs.
func recall(table string, targets []*target) error {
	text, err := os.ReadFile(table)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) != 4 {
			continue
		}
		for _, t := range targets {
			if t.pkg == f[0] && t.name == f[1] {
				seconds, _ := strconv.ParseInt(f[2], 10, 64)
				t.cpu = time.Duration(seconds) * time.Second
				t.execs, _ = strconv.ParseInt(f[3], 10, 64)
			}
		}
	}
	return nil
}

// write writes the table, in the order of names.
func write(table string, targets []*target) error {
	list := slices.SortedFunc(slices.Values(targets), func(a, b *target) int {
		return cmp.Or(cmp.Compare(a.pkg, b.pkg), cmp.Compare(a.name, b.name))
	})
	var b strings.Builder
	b.WriteString("# What each fuzz target has had: package, target, seconds of CPU, inputs tried (make fuzz-long)\n")
	for _, t := range list {
		fmt.Fprintf(&b, "%-24s %-36s %6d %12d\n", t.pkg, t.name, int(t.cpu.Seconds()), t.execs)
	}
	return os.WriteFile(table, []byte(b.String()), 0o644)
}
