//go:build linux

package main

import (
	"bufio"
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

//go:embed floor/*.c
var sources embed.FS

// floor holds what weaver is measured against at the least: programs that do the bare work and nothing else.
type floor struct {
	hello   string // prints a line
	service string // what the supervisors keep
	loop    string // vfork, exec and wait in C; empty without a compiler
	noLoop  error  // why loop is empty
}

var errNoCompiler = errors.New("no C compiler (gcc, cc or clang) to build the vfork loop with")

// buildFloor builds the programs into dir. Only hello has to work: without a C compiler the service is a Go program.
func buildFloor(dir string) (*floor, error) {
	f := &floor{hello: filepath.Join(dir, "hello"), service: filepath.Join(dir, "service")}
	if err := goBuild(module+"/floor/hello", f.hello); err != nil {
		return nil, err
	}
	compiler := findCompiler()
	if compiler == "" {
		f.noLoop = errNoCompiler
		return f, goBuild(module+"/floor/service", f.service)
	}
	loop := filepath.Join(dir, "loop")
	if err := compile(compiler, "service.c", f.service); err != nil {
		return nil, err
	}
	if err := compile(compiler, "loop.c", loop); err != nil {
		return nil, err
	}
	f.loop = loop
	return f, nil
}

func findCompiler() string {
	for _, name := range []string{"gcc", "cc", "clang"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// module is the import path of this program, so that its floor can be built from anywhere in the repository.
const module = "weaver/testdata/bench"

// goBuild builds as the Makefile does, so that hello and weaver differ in what they do only.
func goBuild(pkg, out string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s (is this inside the repository?): %w\n%s", pkg, err, text)
	}
	return nil
}

func compile(compiler, source, out string) error {
	text, err := sources.ReadFile("floor/" + source)
	if err != nil {
		return err
	}
	cmd := exec.Command(compiler, "-O2", "-static", "-s", "-x", "c", "-o", out, "-")
	cmd.Stdin = bytes.NewReader(text)
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("compile %s: %w\n%s", source, err, said)
	}
	return nil
}

// helper is a running C loop that takes orders on its stdin and answers in nanoseconds.
type helper struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// runLoop starts the loop program in one of its modes.
func (f *floor) runLoop(env []string, args ...string) (*helper, error) {
	if f.loop == "" {
		return nil, f.noLoop
	}
	cmd := exec.Command(f.loop, args...)
	cmd.Env = env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // for end
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("run the C loop: %w", err)
	}
	return &helper{cmd, in, bufio.NewReader(out)}, nil
}

// answer reads one number of nanoseconds, in seconds.
func (h *helper) answer() (float64, error) {
	text, err := h.out.ReadString('\n')
	if err != nil {
		return 0, fmt.Errorf("ask the C loop: %w", err)
	}
	ns, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	return float64(ns) / 1e9, err
}

// ask lets `loop once` do its work once.
func (h *helper) ask() (float64, error) {
	if _, err := h.in.Write([]byte{1}); err != nil {
		return 0, fmt.Errorf("ask the C loop: %w", err)
	}
	return h.answer()
}

// end lets the loop end what it started, by the end of its stdin; `respawn` has no end but this kill of its group.
func (h *helper) end(kill bool) {
	h.in.Close()
	if kill {
		syscall.Kill(-h.cmd.Process.Pid, syscall.SIGKILL)
	}
	h.cmd.Wait() // how it ends says nothing
}
