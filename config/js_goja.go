package config

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/dop251/goja"
	"github.com/dop251/goja_nodejs/require"
)

// Bounds of the built-in engine. Its parser recurses, and a goroutine's stack ends in a crash that nobody can catch,
// so sources are small.
const (
	gojaDeadline = time.Second
	gojaSource   = 256 << 10
	gojaStack    = 2000
)

// evalGoja runs the config with the engine built into weaver: JavaScript as of ES2022 with module.exports, require of
// files, JSON and the harmless parts of path, os, fs and process, but no packages that need more of node, and no timers.
func evalGoja(ctx context.Context, c Context, path string) (v any, err error) {
	defer func() {
		// A getter that throws panics where Go code reads it.
		if p := recover(); p != nil {
			thrown, ok := p.(error)
			if !ok {
				thrown = fmt.Errorf("%v", p)
			}
			v, err = nil, explainGoja(path, thrown)
		}
	}()
	vm := goja.New()
	vm.SetMaxCallStackSize(gojaStack)
	ctx, cancel := context.WithTimeout(ctx, gojaDeadline)
	defer cancel()
	// Ends with the context, which cancel above ends at the latest.
	stop := context.AfterFunc(ctx, func() { vm.Interrupt("it did not finish within " + gojaDeadline.String()) })
	defer stop()

	registry := require.NewRegistry(require.WithLoader(loadModule))
	shims(registry, c)
	req := registry.Enable(vm)
	globals(vm, c)
	exported, err := req.Require(filepath.ToSlash(path))
	if err == nil {
		exported, err = settle(vm, exported)
	}
	if err != nil {
		return nil, explainGoja(path, err)
	}
	w := walker{vm: vm, path: path}
	return w.value(exported, 0)
}

// loadModule reads a source for require: bounded, and an ES module rewritten.
func loadModule(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil || info.IsDir() {
		return nil, require.ModuleFileDoesNotExistError
	}
	if info.Size() > gojaSource {
		return nil, fmt.Errorf("%s is too large to be read without node (%d KB)", path, gojaSource>>10)
	}
	source, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if err := bounded(path, source); err != nil {
		return nil, err
	}
	if strings.HasSuffix(path, ".json") {
		return source, nil
	}
	return fromESM(source), nil
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

// explainGoja finds the place in an error of the engine and says so when the reason is that node is missing.
func explainGoja(path string, err error) error {
	var own *SyntaxError
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
	e := &SyntaxError{File: path, Message: firstLine(err.Error())}
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
	e.placeInMessage()
	e.unwrap()
	for _, sign := range []string{require.InvalidModuleError.Error(), require.NoSuchBuiltInModuleError.Error()} {
		if strings.Contains(e.Message, sign) {
			e.Message = "it requires a module that only node can load; install node, or write the config as YAML or JSON"
		}
	}
	return e
}

// placeInMessage takes out of the message where the parser puts the place: "SyntaxError: file: Line 3:7 Unexpected …".
func (e *SyntaxError) placeInMessage() {
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
func (e *SyntaxError) unwrap() {
	if e.Line == 1 {
		e.Col -= len(wrapper)
	}
	if source, err := readBounded(e.File); err == nil {
		was, is := strings.Split(string(source), "\n"), strings.Split(string(fromESM(source)), "\n")
		if e.Line > len(was) { // in what is put behind the file, since something is not closed
			e.Line, e.Col = len(was), len(was[len(was)-1])+1
			e.Message = "SyntaxError: Unexpected end of input"
		} else if e.Line > 0 {
			e.Col -= len(is[e.Line-1]) - len(was[e.Line-1])
		}
	}
	e.Col = max(1, e.Col)
}

// walker copies what the engine holds, within bounds, without asking the engine to recurse.
type walker struct {
	vm     *goja.Runtime
	path   string
	values int
}

func (w *walker) value(v goja.Value, depth int) (any, error) {
	if w.values++; w.values > maxValues {
		return nil, fmt.Errorf("evaluate %s: more than %d values", w.path, maxValues)
	}
	if depth > maxDepth {
		return nil, fmt.Errorf("evaluate %s: it contains itself, or is nested more than %d deep", w.path, maxDepth)
	}
	if v == nil || goja.IsUndefined(v) || goja.IsNull(v) {
		return nil, nil
	}
	o, ok := v.(*goja.Object)
	if !ok {
		switch x := v.Export().(type) {
		case int64:
			return float64(x), nil
		case string, bool, float64:
			return x, nil
		}
		return v.String(), nil
	}
	switch o.ClassName() {
	case "Array":
		return w.array(o, depth)
	case "RegExp", "Date", "String", "Error":
		return o.String(), nil
	case "Number":
		return o.ToFloat(), nil
	case "Boolean":
		return o.ToBoolean(), nil
	case "Function":
		return nil, nil
	}
	var b builder
	for _, key := range o.Keys() {
		member := o.Get(key)
		if _, isFunc := goja.AssertFunction(member); isFunc || member == nil || goja.IsUndefined(member) {
			continue
		}
		val, err := w.value(member, depth+1)
		if err != nil {
			return nil, err
		}
		b.set(key, val)
	}
	return b.done(), nil
}

func (w *walker) array(o *goja.Object, depth int) (any, error) {
	n := o.Get("length").ToInteger()
	if n > maxValues {
		return nil, fmt.Errorf("evaluate %s: more than %d values", w.path, maxValues)
	}
	list := make([]any, 0, n)
	for i := range n {
		val, err := w.value(o.Get(fmt.Sprint(i)), depth+1)
		if err != nil {
			return nil, err
		}
		list = append(list, val)
	}
	return list, nil
}
