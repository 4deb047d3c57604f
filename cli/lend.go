package cli

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"weaver/config"
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
var ownProcess = []string{"--attach", "--no-daemon", "--watch", "--refresh", "--config", "--write", "--wait-ip", "--watch-config"}

// ownLook are flags of logs with which it searches long files, or reads and shows times of the caller's zone.
var ownLook = []string{"--grep", "--since", "--json", "--format", "--timestamp"}

// fewLines is how many lines of each file may be read in passing.
const fewLines = 1000

func (c *call) canBeLent(l *line) bool {
	if l.cmd == nil || l.cmd.lent == notLent || l.help || l.version || l.cmd.name == "start" && len(l.args) == 0 {
		return false
	}
	with := l.cmd.lentWith == ""
	for _, w := range l.argv {
		if w == "--" {
			break
		}
		name, value, _ := strings.Cut(w, "=")
		switch {
		case name == "--config" && c.canBeRead(value), name == "--watch" && l.cmd.spec:
		case slices.Contains(ownProcess, name), name == "--script" && typeScript(w):
			return false
		case l.cmd.name != "logs":
		case slices.Contains(ownLook, name):
			return false
		case name == "--lines":
			if n, err := strconv.Atoi(value); err != nil || n > fewLines || n < -fewLines {
				return false
			}
		}
		with = with || name == "--"+l.cmd.lentWith
	}
	if !with {
		return false
	}
	for _, a := range l.args {
		if c.isFile(a) && !c.canBeRead(a) || typeScript(a) {
			return false
		}
	}
	return true
}

// canBeRead reports that a config file is the one that the caller means, and such that the supervisor may read it.
func (c *call) canBeRead(path string) bool {
	return path != "-" && c.env.Same != nil && c.env.Same(c.abs(path)) && config.Tame(c.abs(path))
}

// typeScript reports that the runner of a script depends on the version of node, which says it when it is run.
func typeScript(path string) bool {
	switch filepath.Ext(path) {
	case ".ts", ".tsx", ".mts", ".cts":
		return true
	}
	return false
}
