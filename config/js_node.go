package config

import (
	"bytes"
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"weaver/config/source"
)

// evalScript is what node runs: it loads the file and writes a marker and the result as JSON.
//
//go:embed js_node.js
var evalScript string

// nodeDeadline bounds a config that never ends. Node itself needs some 60 ms.
const nodeDeadline = 30 * time.Second

// evalNode runs the config at path with node, in the caller's directory and environment. What the config prints goes
// to c.Talk. Node's own packages, require, import and top-level await all work.
func evalNode(ctx context.Context, c Context, node, path string) (any, error) {
	var flags []string
	if isTypeScript(path) {
		var err error
		if flags, err = stripTypes(ctx, c, node); err != nil && runnerOfTypes(path) == "" { // else the script has that do it
			return nil, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, nodeDeadline)
	defer cancel()
	marker := "weaver-" + rand.Text()
	args := append(flags, "-e", evalScript, path, marker)
	cmd := exec.CommandContext(ctx, node, append(args, c.Argv...)...)
	cmd.Dir, cmd.Env = c.Cwd, c.Env.Environ()
	cmd.WaitDelay = time.Second
	out, errs := &limited{most: source.MaxFile + 1<<20}, &limited{most: 64 << 10}
	cmd.Stdout, cmd.Stderr = out, errs
	runErr := cmd.Run()
	talk, result, done := bytes.Cut(out.text.Bytes(), []byte(marker))
	c.talk(talk)
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("evaluate %s: node did not finish: %w", path, ctx.Err())
	case out.over > 0:
		return nil, fmt.Errorf("evaluate %s: the result is larger than %d MB", path, source.MaxFile>>20)
	case !done && runErr != nil:
		var exit *exec.ExitError
		if !errors.As(runErr, &exit) {
			return nil, fmt.Errorf("evaluate %s: %w", path, runErr)
		}
		return nil, fmt.Errorf("evaluate %s: node ended with %v%s", path, exit, lastLine(errs.text.String()))
	case !done:
		return nil, fmt.Errorf("evaluate %s: it ended node before it was read", path)
	}
	c.talk(errs.text.Bytes())
	v, err := nodeResult(path, result)
	var syntax *SyntaxError
	if errors.As(err, &syntax) && syntax.Line == 0 && strings.HasPrefix(syntax.Message, "SyntaxError") {
		checkSyntax(ctx, c, node, path, syntax)
	}
	return v, err
}

// checkSyntax finds the place of a syntax error that does not tell it, as those of ES modules.
func checkSyntax(ctx context.Context, c Context, node, path string, e *SyntaxError) {
	cmd := exec.CommandContext(ctx, node, "--check", path)
	cmd.Dir, cmd.Env = c.Cwd, c.Env.Environ()
	errs := &limited{most: 64 << 10}
	cmd.Stderr = errs
	if cmd.Run() != nil { // it fails where there is something to tell
		findPlace(e, strings.Split(errs.text.String(), "\n"))
	}
}

func nodeResult(path string, result []byte) (any, error) {
	var answer struct {
		Value json.RawMessage `json:"value"`
		Fault *nodeFault      `json:"fault"`
	}
	if err := json.Unmarshal(result, &answer); err != nil {
		return nil, fmt.Errorf("evaluate %s: unreadable answer of node: %w", path, err)
	}
	if answer.Fault != nil {
		return nil, answer.Fault.explain(path)
	}
	if len(answer.Value) == 0 {
		return nil, nil
	}
	v, err := parseJSONish(path, answer.Value)
	var bounds *SyntaxError
	if errors.As(err, &bounds) { // a place in node's answer means nothing to anybody
		return nil, fmt.Errorf("evaluate %s: %s", path, bounds.Message)
	}
	return v, err
}

// nodeFault is an exception.
type nodeFault struct {
	Name, Message, Stack, Code string
}

// explain finds the place: the head that node puts before the stack of a syntax error ("file:3", the line, a caret),
// else the first frame within a file that is not node's own.
func (f *nodeFault) explain(path string) error {
	said := firstLine(f.Message)
	if more := firstLine(strings.TrimPrefix(f.Message[len(said):], "\n")); strings.HasSuffix(said, ":") && more != "" {
		said += " " + clip(strings.TrimSpace(more)) // a headline alone says nothing
	}
	e := &SyntaxError{File: path, Message: strings.TrimSpace(f.Name + ": " + said)}
	if f.Code == "ERR_UNKNOWN_FILE_EXTENSION" {
		e.Message += " (this node cannot read it)"
	}
	if f.Name == "SyntaxError" && (strings.Contains(f.Message, "Unexpected token 'export'") ||
		strings.Contains(f.Message, "import statement outside")) {
		e.Message += ` (name the file .mjs, or put "type": "module" into its package.json)`
	}
	lines := strings.Split(f.Stack, "\n")
	if findPlace(e, lines) {
		return e
	}
	for _, l := range lines {
		frame, ok := strings.CutPrefix(strings.TrimSpace(l), "at ")
		if !ok {
			continue
		}
		if open := strings.LastIndexByte(frame, '('); open >= 0 {
			frame = strings.TrimSuffix(frame[open+1:], ")")
		}
		if file, line, col, ok := splitPlace(frame); ok && strings.Contains(file, "/") {
			e.File, e.Line, e.Col = file, line, col
			return e
		}
	}
	return e
}

// findPlace reads what node puts before a syntax error: "file:3", the line, and a caret below where it goes wrong.
func findPlace(e *SyntaxError, lines []string) bool {
	file, line, _, ok := splitPlace(lines[0])
	if !ok {
		return false
	}
	e.File, e.Line = file, line
	if len(lines) > 2 && strings.Trim(lines[2], " \t^") == "" && lines[2] != "" {
		e.Col = strings.IndexByte(lines[2]+"^", '^') + 1 // at the end of the file there is no caret
	}
	return true
}

// splitPlace reads "file:3" or "file:3:7", with or without "file://". Files of node itself are no place.
func splitPlace(s string) (file string, line, col int, ok bool) {
	s = strings.TrimPrefix(strings.TrimSpace(s), "file://")
	file, line, ok = cutLast(s)
	if before, n, two := cutLast(file); two {
		file, line, col = before, n, line
	}
	return file, line, col, ok && !strings.HasPrefix(s, "node:")
}

func cutLast(s string) (before string, n int, ok bool) {
	cut := strings.LastIndexByte(s, ':')
	if cut <= 0 {
		return "", 0, false
	}
	n, err := strconv.Atoi(s[cut+1:])
	return s[:cut], n, err == nil
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	if s == "" {
		return ""
	}
	return ": " + s[strings.LastIndexByte(s, '\n')+1:]
}
