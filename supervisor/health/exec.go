package health

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// Command is a command about to be run for a probe or a hook.
type Command = exec.Cmd

// checkExec runs a command; it says what is wrong with its exit code and its last words.
func checkExec(ctx context.Context, line string, t *Target) error {
	out, err := Shell(ctx, line, t)
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &exit):
		text := fmt.Sprintf("command %s", exit.ProcessState)
		if last := lastLine(out); last != "" {
			text += ": " + last
		}
		return errors.New(text)
	}
	return err
}

// Shell runs a line by /bin/sh, as the target's user, and returns what it printed. With ctx all of it is killed.
func Shell(ctx context.Context, line string, t *Target, more ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", line)
	cmd.Dir, cmd.Env = t.Dir, append(append([]string(nil), t.Env...), more...)
	var out tailBuffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = time.Second // what it started may hold the pipe
	group(cmd)
	if t.User != nil {
		if err := t.User(cmd); err != nil {
			return nil, err
		}
	}
	err := cmd.Run()
	return out.Bytes(), err
}

// tailBuffer keeps the first few kilobytes and drops the rest.
type tailBuffer struct{ bytes.Buffer }

func (b *tailBuffer) Write(p []byte) (int, error) {
	const most = 8 << 10
	b.Buffer.Write(p[:min(len(p), max(most-b.Len(), 0))])
	return len(p), nil
}

func lastLine(out []byte) string {
	text := strings.TrimSpace(string(out))
	text = text[strings.LastIndexByte(text, '\n')+1:]
	return text[:min(len(text), 200)]
}
