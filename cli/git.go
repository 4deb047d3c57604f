package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"

	"weaver/app"
)

// The commands that move an app's working copy: to what its branch has upstream, one commit on, or one back. Then what
// post_update says is run there, and the app reloaded.
func runPull(c *call) error {
	return c.moveCopy("Updating repository for process name %s", func(g git) (bool, error) {
		if _, err := g.run("fetch", "-q"); err != nil {
			return false, err
		}
		before, err := g.run("rev-parse", "HEAD")
		if err != nil {
			return false, err
		}
		if _, err := g.run("merge", "-q", "--ff-only", "@{upstream}"); err != nil {
			return false, err
		}
		after, err := g.run("rev-parse", "HEAD")
		return before != after, err
	})
}

func runForward(c *call) error {
	return c.moveCopy("Updating to next commit repository for process name %s", func(g git) (bool, error) {
		if _, err := g.run("fetch", "-q"); err != nil {
			return false, err
		}
		next, err := g.run("rev-list", "--reverse", "--first-parent", "HEAD..@{upstream}")
		if err != nil || next == "" {
			return false, err
		}
		next, _, _ = strings.Cut(next, "\n")
		return true, g.reset(next)
	})
}

func runBackward(c *call) error {
	return c.moveCopy("Downgrading to previous commit repository for process name %s", func(g git) (bool, error) {
		back, err := g.run("rev-parse", "-q", "--verify", "HEAD^")
		if err != nil {
			return false, fmt.Errorf("there is no commit before this one")
		}
		return true, g.reset(back)
	})
}

// git runs git in a working copy.
type git struct {
	c   *call
	dir string
}

func (g git) run(args ...string) (string, error) {
	cmd := exec.CommandContext(g.c.ctx, "git", args...)
	var stderr bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stderr = g.dir, g.c.env.Environ, &stderr
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(string(out)), err
}

// reset goes to a commit, unless that would lose something.
func (g git) reset(commit string) error {
	changed, err := g.run("status", "--porcelain", "--untracked-files=no")
	if err != nil {
		return err
	}
	if changed != "" {
		return fmt.Errorf("there are changes in %s that are not committed", g.dir)
	}
	_, err = g.run("reset", "-q", "--hard", commit)
	return err
}

func (c *call) moveCopy(words string, step func(git) (moved bool, err error)) error {
	name := c.args[0]
	c.out.talk(words, name)
	list, err := c.processes(true, nil)
	if err != nil {
		return err
	}
	at, err := app.Selector(name).Match(list, c.env.Cwd)
	if err != nil || len(at) == 0 {
		c.out.fail("No processes with this name or id : " + name)
		c.out.hint(didYouMean(list, name))
		return errReported
	}
	p := &list[at[0]]
	g := git{c, p.Spec.Cwd}
	if top, err := g.run("rev-parse", "--show-toplevel"); err != nil || top == "" {
		c.out.talk("No versioning system found for process %s", p.Name)
		return nil //nolint:nilerr // that is all there is to say, and no failure, as in PM2
	}
	moved, err := step(g)
	if err != nil {
		return c.cannot("", "move the working copy "+g.dir, err)
	}
	if !moved {
		c.out.talk("Already up to date")
		return nil
	}
	if err := c.postUpdate(p); err != nil {
		return err
	}
	c.args = []string{p.Name}
	return c.againOne(app.VerbReload, app.Selector(p.Name))
}

// postUpdate runs what post_update lists, in the app's directory.
func (c *call) postUpdate(p *app.Process) error {
	var lines []string
	if raw, ok := p.Spec.Extra["post_update"]; ok {
		if err := json.Unmarshal(raw, &lines); err != nil {
			return c.cannot("", "read post_update of "+p.Name, err)
		}
	}
	for _, line := range lines {
		c.out.talk("[post_update] %s", line)
		cmd := exec.CommandContext(c.ctx, "sh", "-c", line)
		cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = p.Spec.Cwd, c.env.Environ, c.env.Stdout, c.env.Stderr
		if err := cmd.Run(); err != nil {
			return c.cannot("the app goes on as it was", "run "+line, err)
		}
	}
	return nil
}
