package config

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// None is the interpreter of what the kernel executes itself.
const None = "none"

// Interpreter is what runs a script.
type Interpreter struct {
	Path string   // absolute, a name in PATH, or None
	Args []string // its own, before those that the user gave
}

// Node reports a program that speaks Node's IPC and can share ports: node or bun.
func (i Interpreter) Node() bool {
	base := strings.TrimSuffix(filepath.Base(i.Path), ".exe")
	return strings.HasSuffix(base, "node") || strings.HasSuffix(base, "bun")
}

// Python reports an interpreter whose output has to be told not to wait.
func (i Interpreter) Python() bool { return strings.Contains(filepath.Base(i.Path), "python") }

// ResolveInterpreter finds what runs the file script: the interpreter that was asked for, by name, path or
// "node@version", else by the file's ending, else, as PM2 does not, by its "#!" line, else by whether it is text. Names
// are looked up in the caller's PATH, relative paths from cwd.
func ResolveInterpreter(c Context, cwd, asked, script string) (Interpreter, error) {
	switch {
	case asked == None:
		return Interpreter{Path: None}, executable(script)
	case strings.HasPrefix(asked, "node@"):
		path, err := c.nvm(strings.TrimPrefix(asked, "node@"))
		return Interpreter{Path: path}, err
	case asked != "":
		return c.interpreter(cwd, asked)
	}
	switch strings.ToLower(filepath.Ext(script)) {
	case ".js":
		return c.interpreter(cwd, "node")
	case ".cjs", ".mjs", ".jsx":
		return c.thisNode(cwd)
	case ".sh":
		return c.interpreter(cwd, "bash")
	case ".py":
		return c.interpreter(cwd, "python", "python3")
	case ".rb":
		return c.interpreter(cwd, "ruby")
	case ".php":
		return c.interpreter(cwd, "php")
	case ".pl":
		return c.interpreter(cwd, "perl")
	case ".coffee":
		return c.interpreter(cwd, "coffee")
	case ".ls":
		return c.interpreter(cwd, "lsc")
	case ".ts", ".mts", ".cts":
		return c.typeScript(cwd, script)
	case ".tsx":
		return c.interpreter(cwd, "bun")
	}
	return c.byContent(cwd, script)
}

// interpreter finds the first of names that there is.
func (c Context) interpreter(cwd string, names ...string) (Interpreter, error) {
	for _, name := range names {
		if name == "node" && c.Node != nil {
			if path := c.Node(); path != "" {
				return Interpreter{Path: path}, nil
			}
			continue
		}
		path, ok := c.look(name, cwd)
		switch {
		case ok && strings.ContainsRune(name, filepath.Separator):
			return Interpreter{Path: path}, nil
		case ok: // the name: it is looked up again at each start, so that it follows upgrades
			return Interpreter{Path: name}, nil
		}
	}
	name := clip(names[0])
	return Interpreter{}, saidf("Interpreter %s is NOT AVAILABLE in PATH. (type 'which %s' to double check.)", name, name)
}

// thisNode is node by its path: PM2 has what it does not know run by the node that runs PM2.
func (c Context) thisNode(cwd string) (Interpreter, error) {
	path := c.node()
	if path == "" {
		return c.interpreter(cwd, "node") // which says that there is none
	}
	if real, err := filepath.EvalSymlinks(path); err == nil && filepath.Base(real) == filepath.Base(path) {
		path = real
	}
	return Interpreter{Path: path}, nil
}

// byContent decides about a file whose name says nothing.
func (c Context) byContent(cwd, script string) (Interpreter, error) {
	if info, err := os.Stat(script); err == nil && info.IsDir() {
		return c.thisNode(cwd) // which runs its package
	}
	head, err := readHead(script)
	if err != nil {
		return Interpreter{}, err
	}
	program := shebang(head)
	switch base := filepath.Base(program); {
	case program == "" && binary(head):
		return Interpreter{Path: None}, executable(script)
	case program == "" || base == "node" || base == "nodejs":
		return c.thisNode(cwd)
	case base == "bun":
		return c.interpreter(cwd, "bun")
	}
	if err := executable(script); err != nil {
		return Interpreter{}, err
	}
	return Interpreter{Path: None}, nil
}

// nvm finds a version of node that nvm has installed: exactly the one named, or the newest that begins so.
func (c Context) nvm(version string) (string, error) {
	dir, _ := c.Env.Get("NVM_DIR")
	if dir == "" {
		dir, _ = c.Env.Get("NVM_HOME")
	}
	if dir == "" {
		return "", saidf("Interpreter node@%s is NOT AVAILABLE: NVM_DIR is not set", clip(version)).
			try("install nvm, or give the path of node as interpreter")
	}
	version = strings.TrimPrefix(version, "v")
	if version != "" && !strings.ContainsAny(version, `/\*?[`) {
		found, _ := filepath.Glob(filepath.Join(dir, "versions", "node", "v"+version+"*", "bin", "node"))
		found = slices.DeleteFunc(found, func(path string) bool {
			rest := strings.TrimPrefix(versionOf(path), "v"+version)
			return rest != "" && rest[0] != '.'
		})
		slices.SortFunc(found, func(a, b string) int {
			return slices.Compare(versionNumbers(versionOf(a)), versionNumbers(versionOf(b)))
		})
		if n := len(found); n > 0 {
			return found[n-1], executable(found[n-1])
		}
	}
	return "", saidf("Interpreter node@%s is NOT AVAILABLE in %s", clip(version), dir).try("nvm install %s", clip(version))
}

// versionOf is "v20.1.0" of "…/v20.1.0/bin/node".
func versionOf(path string) string { return filepath.Base(filepath.Dir(filepath.Dir(path))) }

func versionNumbers(version string) []int {
	version, _, _ = strings.Cut(strings.TrimPrefix(version, "v"), "-")
	var numbers []int
	for part := range strings.SplitSeq(version, ".") {
		n, _ := strconv.Atoi(part) // a part that is none counts as 0
		numbers = append(numbers, n)
	}
	return numbers
}

// typeScript is bun, or a node that strips types, both as PM2 has it, or else what the project itself brings.
func (c Context) typeScript(cwd, script string) (Interpreter, error) {
	if _, ok := c.look("bun", cwd); ok {
		return Interpreter{Path: "bun"}, nil
	}
	missing := noTypeScript("")
	if node := c.node(); node != "" {
		flags, err := stripTypes(context.Background(), c, node)
		if err == nil {
			return Interpreter{Path: node, Args: flags}, nil
		}
		missing = err
	}
	if path := runnerOfTypes(script); path != "" {
		return Interpreter{Path: path}, nil
	}
	return Interpreter{}, missing
}

// runnerOfTypes is what the project that a file belongs to has for running TypeScript, or "".
func runnerOfTypes(file string) string {
	for dir := filepath.Dir(file); ; dir = filepath.Dir(dir) {
		for _, runner := range []string{"tsx", "ts-node"} {
			if path := filepath.Join(dir, "node_modules", ".bin", runner); executable(path) == nil {
				return path
			}
		}
		if dir == filepath.Dir(dir) {
			return ""
		}
	}
}

func noTypeScript(have string) error {
	return saidf("TypeScript apps require bun, Node.js >= 22.18 or tsx%s", have).try("--interpreter tsx")
}

// stripTypes returns what node has to be told to run TypeScript: nothing from 22.18 and 23.6 on, a flag from 22.6 on.
func stripTypes(ctx context.Context, c Context, node string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, "--version")
	cmd.Env = c.Env.Environ()
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("ask %s for its version: %w", node, err)
	}
	version := strings.TrimSpace(string(out))
	v := versionNumbers(version)
	switch at := func(major, minor int) bool { return slices.Compare(v, []int{major, minor}) >= 0 }; {
	case at(23, 6), at(22, 18) && !at(23, 0):
		return nil, nil
	case at(22, 6):
		return []string{"--experimental-strip-types"}, nil
	}
	return nil, noTypeScript(fmt.Sprintf(" (%s is %s)", node, clip(version)))
}
