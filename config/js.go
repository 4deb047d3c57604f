package config

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"strings"
)

// evalJS runs a JavaScript config and returns what it exports: with node where there is one, since such files use its
// packages, else with the built-in engine. An exported function is called, without arguments, and a promise awaited;
// of an ES module the default export counts, unless it exports "apps".
func evalJS(ctx context.Context, c Context, path string) (any, error) {
	if node := c.node(); node != "" {
		v, err := evalNode(ctx, c, node, path)
		var missing *exec.Error
		if !errors.As(err, &missing) {
			return v, err
		}
	}
	if isTypeScript(path) {
		return nil, saidf("a TypeScript config needs node ≥ 22.6 in PATH").try("write it as JavaScript, YAML or JSON")
	}
	return evalEngine(ctx, c, path)
}

func isTypeScript(path string) bool {
	for _, ending := range []string{".ts", ".mts", ".cts"} {
		if strings.HasSuffix(path, ending) {
			return true
		}
	}
	return false
}

// limited collects what a program writes, up to a number of bytes, and counts the rest. The buffer is no embedded
// one, whose ReadFrom would take all there is.
type limited struct {
	text bytes.Buffer
	most int
	over int
}

func (l *limited) Write(p []byte) (int, error) {
	room := max(0, min(len(p), l.most-l.text.Len()))
	l.text.Write(p[:room])
	l.over += len(p) - room
	return len(p), nil
}
