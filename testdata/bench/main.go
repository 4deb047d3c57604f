//go:build linux

// Command bench measures weaver beside PM2, other supervisors and the floor (programs that do the bare work in C or Go
// and nothing else), all in one run and in turn, and writes a table and a picture.
//
//	make bench
//	go run ./testdata/bench [-quick] [-only REGEX] [-pm2 PATH] [-home-base DIR] [-out DIR]
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

// options are the flags.
type options struct {
	quick                            bool
	only, pm2, homeBase, out, weaver string
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	var o options
	flag.BoolVar(&o.quick, "quick", false, "few repetitions of small things: shows that all works, measures little")
	flag.StringVar(&o.only, "only", "", "measure only rows whose id matches this `REGEX`")
	flag.StringVar(&o.pm2, "pm2", os.Getenv("WEAVER_TEST_PM2"), "`PATH` of PM2; else npm installs one for the run")
	flag.StringVar(&o.homeBase, "home-base", os.TempDir(), "`DIR` below which homes are made")
	flag.StringVar(&o.out, "out", "", "`DIR` for the results (default bench, or bench/tmp with -quick or -only)")
	flag.StringVar(&o.weaver, "weaver", "bin/weaver", "`PATH` of weaver")
	flag.Parse()
	if flag.NArg() > 0 {
		return fmt.Errorf("unknown argument %q", flag.Arg(0))
	}
	if o.out == "" {
		o.out = "bench"
		if o.quick || o.only != "" {
			o.out = "bench/tmp" // part of a run must not take the place of a whole one
		}
	}
	only, err := regexp.Compile(o.only)
	if err != nil {
		return fmt.Errorf("read -only: %w", err)
	}
	if _, err := os.Stat(o.weaver); err != nil {
		return fmt.Errorf("find weaver (run make first): %w", err)
	}
	d, inside := dirsFromEnv()
	if !inside {
		if d, err = newDirs(o.homeBase); err != nil {
			return err
		}
		os.Exit(guard(d))
	}
	b := &bench{options: o, scale: full, only: only, dirs: d}
	if o.quick {
		b.scale = quick
	}
	return b.run()
}

// run measures, then writes the results.
func (b *bench) run() error {
	var err error
	if b.call, err = newCaller(b.dirs.home); err != nil {
		return err
	}
	progress("building the floor")
	if b.floor, err = buildFloor(b.dirs.home); err != nil {
		return err
	}
	b.pm2Path = findPM2(b.options.pm2, b.dirs.path("npm"))
	b.rep.Quick = b.quick
	b.rep.Machine = lookAround(b.options.weaver, b.pm2Path, b.dirs.home, b.dirs.path("version"))
	b.measure()
	b.rep.Machine.LoadEnd = load()
	if len(b.rep.Rows) == 0 {
		return fmt.Errorf("nothing was measured")
	}
	if err := b.rep.write(b.out); err != nil {
		return err
	}
	reached, all := b.rep.score()
	progress("%d of %d targets reached; see %s", reached, all, filepath.Join(b.out, "results.md"))
	return nil
}

// write writes the report in all its forms.
func (rep *report) write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := rep.writeJSON(filepath.Join(dir, "results.json")); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "results.md"), []byte(rep.markdown()), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "chart.svg"), []byte(rep.chart()), 0o644)
}
