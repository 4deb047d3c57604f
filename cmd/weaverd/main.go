// Command weaverd is the supervisor, and the whole front end behind the thin one.
//
// The settings below keep the runtime from reading a dozen files at every start; it has little use for more threads than
// the affinity allows.
//
//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0
//go:debug decoratemappings=0
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/term"

	"weaver/cli"
	"weaver/config/home"
	"weaver/daemon"
)

// version is set by the linker.
var version = "0.1.0-dev"

func main() {
	if !strings.Contains(os.Getenv("GODEBUG"), "memprofilerate=") {
		runtime.MemProfileRate = 0 // who wants a profile of the heap turns it on; its tables take memory
	}
	os.Exit(run())
}

func run() int {
	cwd, err := directory()
	if err != nil {
		cwd = os.Getenv("PWD") // the directory is gone: relative paths fail with their own words
	}
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	if real, err := filepath.EvalSymlinks(self); err == nil {
		self = real
	}
	env := cli.Env{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Environ: os.Environ(), Cwd: cwd, Argv0: os.Args[0], Version: version, SelfPath: self,
		IsTerminal: isTerminal,
		Supervise:  func(ctx context.Context, args []string) int { return supervise(ctx, self, args) },
		Living:     daemon.Living,
	}
	if len(os.Args) == 3 && os.Args[1] == daemon.CheckFlag {
		return checkState(os.Args[2])
	}
	if len(os.Args) > 1 && os.Args[1] == "supervise" {
		return cli.Run(context.Background(), env, os.Args[1:]) // the daemon has its own way with signals
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return cli.Run(ctx, env, os.Args[1:])
}

// supervise runs the supervisor of the home that args name, or the environment.
func supervise(ctx context.Context, self string, args []string) int {
	h, err := home.Find(home.Weaver, os.Getenv)
	if len(args) == 2 && args[0] == "--home" {
		h, err = home.At(args[1]), nil
	} else if len(args) != 0 {
		err = errors.New("usage: weaverd supervise [--home DIRECTORY]")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "weaver:", err)
		return 1
	}
	return daemon.Run(ctx, daemon.Options{
		Home: h, Version: version, Trampoline: filepath.Join(filepath.Dir(self), "weaver"),
		FrontEnd: func(ctx context.Context, f daemon.FrontEnd) (int, bool) { return lend(ctx, self, h, f) },
	})
}

// lend runs a command line of the thin front end in the supervisor of a home.
func lend(ctx context.Context, self string, h home.Home, f daemon.FrontEnd) (code int, done bool) {
	env := cli.Env{
		Stdin: strings.NewReader(""), Stdout: f.Stdout, Stderr: f.Stderr,
		Environ: f.Environ, Cwd: f.Cwd, Argv0: f.Argv[0], Version: version, SelfPath: self,
		IsTerminal: func(w any) (int, bool) {
			if w == f.Stdout {
				return f.Columns, f.Terminal
			}
			return 0, w == f.Stderr && f.ErrTerminal
		},
		Living: daemon.Living, PID: f.PID, Dial: f.Dial, Op: f.Op, Same: f.Same,
	}
	return cli.Lend(ctx, env, f.Argv[1:], h.Dir, f.Begin)
}

// checkState shows that this weaverd understands the state in a copy of a home: a supervisor asks before it gives way.
func checkState(dir string) int {
	if err := daemon.CheckState(dir); err != nil {
		fmt.Fprintln(os.Stderr, "weaver:", err)
		return 1
	}
	fmt.Println("ok " + version)
	return 0
}

func isTerminal(w any) (int, bool) {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	cols, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 80, true
	}
	return cols, true
}
