package cli

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
)

// errEnding is never shown: whose front end was lent then runs its own.
var errEnding = errors.New("the supervisor is ending")

// Lend runs a command line inside the supervisor of the home dir, for a front end that would take longer to start than the
// command does. Only some are lent: those that need nothing of their own process, and in which nothing that users have
// written is run. Otherwise nothing was done.
// begin is called before anything is done, and can still keep it from being done.
func Lend(ctx context.Context, env Env, args []string, dir string, begin func() bool) (code int, done bool) {
	c := newCall(ctx, &env, args)
	defer c.client.Close()
	l, err := parse(commands(), args, c.onlyTarget)
	if err != nil || !c.canBeLent(&l) || c.findHome() != nil || c.home.Dir != dir || !begin() {
		return 0, false
	}
	c.out = newOutput(&env, hasWord(l.argv, "--no-color"), hasWord(l.argv, "--silent", "-s"))
	return c.carryOut(l), true
}

// ownProcess are flags that make a command stay, read files in which there may be programs, or ask other programs.
var ownProcess = []string{"--attach", "--no-daemon", "--watch", "--refresh", "--config", "--write", "--wait-ip"}

func (c *call) canBeLent(l *line) bool {
	if l.cmd == nil || l.cmd.lent == notLent || l.help || l.version || l.cmd.name == "start" && len(l.args) == 0 {
		return false
	}
	for _, w := range l.argv {
		if w == "--" {
			break
		}
		name, _, _ := strings.Cut(w, "=")
		for _, own := range ownProcess {
			if name == own && (own != "--watch" || !l.cmd.spec) {
				return false
			}
		}
		if name == "--script" && typeScript(w) {
			return false
		}
	}
	for _, a := range l.args {
		if c.isFile(a) || typeScript(a) {
			return false
		}
	}
	return true
}

// typeScript reports that the runner of a script depends on the version of node, which says it when it is run.
func typeScript(path string) bool {
	switch filepath.Ext(path) {
	case ".ts", ".tsx", ".mts", ".cts":
		return true
	}
	return false
}
