// Package js is the engine that runs JavaScript configs where there is no node. It is a program of its own, cmd/weaver-js: the
// engine costs every start of a program that it is linked into some milliseconds, and its parser recurses, which may end in a
// crash that nobody can catch.
package js

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/dop251/goja"
	"github.com/dop251/goja_nodejs/require"

	"weaver/config/source"
)

// Bounds of the built-in engine. Its parser recurses, and a goroutine's stack ends in a crash that nobody can catch,
// so sources are small.
const (
	deadline  = time.Second
	MaxSource = 256 << 10
	maxStack  = 2000
)

// Request says what to evaluate, and for whom.
type Request struct {
	Path    string   // absolute
	Cwd     string   // absolute
	Environ []string // "NAME=value"
	Argv    []string // process.argv after its first
	CPUs    int      // how many are told to the config
	Talk    io.Writer
}

// Eval runs a config: JavaScript as of ES2022 with module.exports, require of files, JSON and the harmless parts of path, os, fs
// and process, but no packages that need more of node, and no timers. It returns what the config exports, as JSON. A place where
// it goes wrong is a *source.Error.
func Eval(ctx context.Context, r Request) (doc []byte, err error) {
	defer func() {
		// A getter that throws panics where Go code reads it.
		if p := recover(); p != nil {
			thrown, ok := p.(error)
			if !ok {
				thrown = fmt.Errorf("%v", p)
			}
			doc, err = nil, explain(r.Path, thrown)
		}
	}()
	vm := goja.New()
	vm.SetMaxCallStackSize(maxStack)
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	// Ends with the context, which cancel above ends at the latest.
	stop := context.AfterFunc(ctx, func() { vm.Interrupt("it did not finish within " + deadline.String()) })
	defer stop()

	registry := require.NewRegistry(require.WithLoader(loadModule))
	shims(registry, r)
	req := registry.Enable(vm)
	globals(vm, r)
	exported, err := req.Require(filepath.ToSlash(r.Path))
	if err == nil {
		exported, err = settle(vm, exported)
	}
	if err != nil {
		return nil, explain(r.Path, err)
	}
	w := walker{vm: vm, path: r.Path}
	if err := w.value(exported, 0); err != nil {
		return nil, err
	}
	return w.out, nil
}

// loadModule reads a source for require: bounded, and an ES module rewritten.
func loadModule(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil || info.IsDir() {
		return nil, require.ModuleFileDoesNotExistError
	}
	if info.Size() > MaxSource {
		return nil, fmt.Errorf("%s is too large to be read without node (%d KB)", path, MaxSource>>10)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if err := source.Nested(path, text); err != nil {
		return nil, err
	}
	if strings.HasSuffix(path, ".json") {
		return text, nil
	}
	return fromESM(text), nil
}

// settle takes the default export, calls a function and reads a promise.
func settle(vm *goja.Runtime, v goja.Value) (goja.Value, error) {
	if o, ok := v.(*goja.Object); ok && o.Get("apps") == nil {
		if d := o.Get("default"); d != nil && !goja.IsUndefined(d) {
			v = d
		}
	}
	if call, ok := goja.AssertFunction(v); ok {
		var err error
		if v, err = call(goja.Undefined()); err != nil {
			return nil, err
		}
	}
	// Only a promise is exported to Go: an array of 1e9 holes would be 16 GB there.
	o, ok := v.(*goja.Object)
	if !ok || o.ExportType() != reflect.TypeFor[*goja.Promise]() {
		return v, nil
	}
	if p, ok := o.Export().(*goja.Promise); ok {
		switch p.State() {
		case goja.PromiseStateFulfilled:
			return p.Result(), nil
		case goja.PromiseStateRejected:
			return nil, fmt.Errorf("%s", p.Result())
		default:
			return nil, errors.New("its promise waits for something that only node has; install node")
		}
	}
	return v, nil
}

// explain finds the place in an error of the engine and says so when the reason is that node is missing.
func explain(path string, err error) error {
	var own *source.Error
	if errors.As(err, &own) {
		return own
	}
	var interrupted *goja.InterruptedError
	if errors.As(err, &interrupted) {
		return fmt.Errorf("evaluate %s: %v", path, interrupted.Value())
	}
	var deep *goja.StackOverflowError
	if errors.As(err, &deep) {
		return fmt.Errorf("evaluate %s: it calls itself without end", path)
	}
	e := &source.Error{File: path, Message: firstLine(err.Error())}
	var thrown *goja.Exception
	if errors.As(err, &thrown) {
		e.Message = firstLine(thrown.Value().String())
		for _, frame := range thrown.Stack() {
			if pos := frame.Position(); pos.Line > 0 && frame.SrcName() != "<native>" {
				e.File, e.Line, e.Col = frame.SrcName(), pos.Line, pos.Column
				break
			}
		}
	}
	placeInMessage(e)
	unwrap(e)
	for _, sign := range []string{require.InvalidModuleError.Error(), require.NoSuchBuiltInModuleError.Error()} {
		if strings.Contains(e.Message, sign) {
			e.Message = "it requires a module that only node can load; install node, or write the config as YAML or JSON"
		}
	}
	return e
}

// placeInMessage takes out of the message where the parser puts the place: "SyntaxError: file: Line 3:7 Unexpected …".
func placeInMessage(e *source.Error) {
	before, rest, ok := strings.Cut(e.Message, ": Line ")
	if !ok {
		return
	}
	where, message, ok := strings.Cut(rest, " ")
	var line, col int
	if n, err := fmt.Sscanf(where, "%d:%d", &line, &col); !ok || err != nil || n != 2 {
		return
	}
	kind, file, two := strings.Cut(before, ": ")
	if !two {
		kind, file = "SyntaxError", before
	}
	e.File, e.Line, e.Col = file, line, col
	if i := strings.Index(message, " (and "); i > 0 {
		message = message[:i]
	}
	e.Message = kind + ": " + message
}

// wrapper is what require puts in front of the first line of a module.
const wrapper = "(function(exports,require,module,__filename,__dirname){"

// unwrap counts the column from where the line begins in the file, not in what the engine was given.
func unwrap(e *source.Error) {
	if e.Line == 1 {
		e.Col -= len(wrapper)
	}
	if text, err := source.Read(e.File); err == nil {
		was, is := strings.Split(string(text), "\n"), strings.Split(string(fromESM(text)), "\n")
		if e.Line > len(was) { // in what is put behind the file, since something is not closed
			e.Line, e.Col = len(was), len(was[len(was)-1])+1
			e.Message = "SyntaxError: Unexpected end of input"
		} else if e.Line > 0 {
			e.Col -= len(is[e.Line-1]) - len(was[e.Line-1])
		}
	}
	e.Col = max(1, e.Col)
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
