package js

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/dop251/goja"
	"github.com/dop251/goja_nodejs/require"

	"weaver/config/source"
)

// shims gives the built-in engine the parts of node that configs use: path, os and fs, with and without "node:".
func shims(registry *require.Registry, r Request) {
	for name, fill := range map[string]func(*goja.Runtime, *goja.Object){
		"path": shimPath,
		"os":   func(vm *goja.Runtime, o *goja.Object) { shimOS(vm, o, r) },
		"fs":   func(vm *goja.Runtime, o *goja.Object) { shimFS(vm, o, r) },
	} {
		load := func(vm *goja.Runtime, module *goja.Object) {
			exports := module.Get("exports").(*goja.Object)
			fill(vm, exports)
			put(exports, "default", exports)
		}
		registry.RegisterNativeModule(name, load)
		registry.RegisterNativeModule("node:"+name, load)
	}
}

// globals sets process and console.
func globals(vm *goja.Runtime, r Request) {
	env := vm.NewObject()
	for _, kv := range r.Environ {
		if name, value, ok := strings.Cut(kv, "="); ok {
			put(env, name, value)
		}
	}
	process := vm.NewObject()
	put(process, "env", env)
	put(process, "platform", nodePlatform())
	put(process, "arch", nodeArch())
	argv := []any{"node"}
	for _, word := range r.Argv {
		argv = append(argv, word)
	}
	put(process, "argv", vm.NewArray(argv...))
	put(process, "execArgv", vm.NewArray())
	put(process, "pid", os.Getpid())
	put(process, "versions", vm.NewObject())
	put(process, "cwd", func() string { return r.Cwd })
	put(vm.GlobalObject(), "process", process)

	say := func(call goja.FunctionCall) goja.Value {
		words := make([]string, len(call.Arguments))
		for i, a := range call.Arguments {
			words[i] = a.String()
		}
		io.WriteString(r.Talk, strings.Join(words, " ")+"\n") //nolint:errcheck // what a config prints is a courtesy
		return goja.Undefined()
	}
	console := vm.NewObject()
	for _, name := range []string{"log", "info", "warn", "error", "debug"} {
		put(console, name, say)
	}
	put(vm.GlobalObject(), "console", console)
}

func shimPath(vm *goja.Runtime, o *goja.Object) {
	put(o, "sep", string(filepath.Separator))
	put(o, "delimiter", string(filepath.ListSeparator))
	put(o, "join", func(parts ...string) string {
		if joined := filepath.Join(parts...); joined != "" {
			return joined
		}
		return "."
	})
	put(o, "resolve", func(parts ...string) string {
		path := ""
		for i := len(parts) - 1; i >= 0 && !filepath.IsAbs(path); i-- {
			path = filepath.Join(parts[i], path)
		}
		if !filepath.IsAbs(path) {
			cwd, _ := goja.AssertFunction(vm.Get("process").(*goja.Object).Get("cwd"))
			if dir, err := cwd(goja.Undefined()); err == nil {
				path = filepath.Join(dir.String(), path)
			}
		}
		return path
	})
	put(o, "normalize", filepath.Clean)
	put(o, "isAbsolute", filepath.IsAbs)
	put(o, "dirname", filepath.Dir)
	put(o, "extname", extname)
	put(o, "basename", func(path, ending string) string {
		base := filepath.Base(path)
		if ending != "" && base != ending {
			base = strings.TrimSuffix(base, ending)
		}
		return base
	})
	put(o, "relative", func(from, to string) (string, error) { return filepath.Rel(from, to) })
	put(o, "posix", o)
}

// extname is node's: a leading dot begins no extension.
func extname(path string) string {
	base := strings.TrimLeft(filepath.Base(path), ".")
	return filepath.Ext(base)
}

func shimOS(vm *goja.Runtime, o *goja.Object, r Request) {
	put(o, "EOL", "\n")
	put(o, "cpus", func() []any {
		list := make([]any, runtime.NumCPU())
		for i := range list {
			list[i] = map[string]any{"model": "", "speed": 0}
		}
		return list
	})
	put(o, "availableParallelism", func() int { return r.CPUs })
	put(o, "hostname", func() (string, error) { return os.Hostname() })
	put(o, "platform", nodePlatform)
	put(o, "arch", nodeArch)
	put(o, "tmpdir", os.TempDir)
	put(o, "homedir", func() string {
		return os.Getenv("HOME")
	})
}

func shimFS(vm *goja.Runtime, o *goja.Object, r Request) {
	abs := func(path string) string {
		if filepath.IsAbs(path) {
			return path
		}
		return filepath.Join(r.Cwd, path)
	}
	put(o, "existsSync", func(path string) bool {
		_, err := os.Stat(abs(path))
		return err == nil
	})
	put(o, "readFileSync", func(path string) (string, error) {
		data, err := source.Read(abs(path))
		return string(data), err
	})
	put(o, "readdirSync", func(path string) ([]string, error) {
		entries, err := os.ReadDir(abs(path))
		names := make([]string, len(entries))
		for i, e := range entries {
			names[i] = e.Name()
		}
		return names, err
	})
	put(o, "statSync", func(path string) (*goja.Object, error) {
		info, err := os.Stat(abs(path))
		if err != nil {
			return nil, err
		}
		stat := vm.NewObject()
		put(stat, "size", info.Size())
		put(stat, "mtimeMs", info.ModTime().UnixMilli())
		put(stat, "isFile", func() bool { return info.Mode().IsRegular() })
		put(stat, "isDirectory", info.IsDir)
		return stat, nil
	})
}

// put sets a property of an object that is new and plain, which cannot be refused.
func put(o *goja.Object, name string, value any) {
	if err := o.Set(name, value); err != nil {
		panic(err) // internal: goja catches it as an exception of the config
	}
}

func nodePlatform() string {
	if runtime.GOOS == "windows" {
		return "win32"
	}
	return runtime.GOOS
}

func nodeArch() string {
	switch runtime.GOARCH {
	case "amd64":
		return "x64"
	case "386":
		return "ia32"
	}
	return runtime.GOARCH
}
