package config

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"weaver/config/source"
)

// engineDeadline is for the whole program; it ends a config that never ends by itself before that.
const engineDeadline = 10 * time.Second

// evalEngine runs the config with weaver's own engine, which is a program of its own and knows no packages of node.
func evalEngine(ctx context.Context, c Context, path string) (any, error) {
	if c.Engine == "" {
		return nil, saidf("evaluate %s: there is no node in PATH", path).try("install node, or write the config as YAML or JSON")
	}
	ctx, cancel := context.WithTimeout(ctx, engineDeadline)
	defer cancel()
	marker := "weaver-" + rand.Text()
	cmd := exec.CommandContext(ctx, c.Engine, append([]string{path, marker, strconv.Itoa(c.cpus())}, c.Argv...)...)
	cmd.Dir, cmd.Env = c.Cwd, c.Env.Environ()
	cmd.WaitDelay = time.Second
	out, errs := &limited{most: source.MaxFile + 1<<20}, &limited{most: 64 << 10}
	cmd.Stdout, cmd.Stderr = out, errs
	runErr := cmd.Run()
	talk, result, done := bytes.Cut(out.text.Bytes(), []byte(marker))
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("evaluate %s: %w", path, ctx.Err())
	case runErr != nil && !exists(c.Engine):
		return nil, saidf("evaluate %s: there is neither node in PATH nor %s", path, c.Engine).try("install node, or write the config as YAML or JSON")
	case out.over > 0:
		return nil, fmt.Errorf("evaluate %s: the result is larger than %d MB", path, source.MaxFile>>20)
	case !done:
		return nil, fmt.Errorf("evaluate %s: the engine ended with %v: %s", path, runErr, firstLine(errs.text.String()))
	}
	c.talk(talk)
	var answer struct {
		Value json.RawMessage
		Place *SyntaxError
		Error string
	}
	if err := json.Unmarshal(result, &answer); err != nil {
		return nil, fmt.Errorf("evaluate %s: unreadable answer of the engine: %w", path, err)
	}
	switch {
	case answer.Place != nil:
		return nil, answer.Place
	case answer.Error != "":
		return nil, errors.New(strings.TrimSpace(answer.Error))
	}
	return parseJSONish(path, answer.Value)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
