package cli

import (
	"fmt"
	"strings"
)

// PM2's users write flags wherever they like: `start app.js -i 4 --name x -- --port 1`, `-n x start app.js`,
// `start --watch src lib`, `-fm delete all`. urfave/cli stops reading flags at the first argument. So a command line is
// taken apart here first, with the table's knowledge of how many words each flag takes, and urfave gets clean words.
//
// Where PM2's own parser goes wrong weaver does not follow:
//   - a flag with an optional value never eats the only target: in `start --watch app.js` and `restart --watch web` the
//     word is what to start, in `start --watch src app.js` it is what to watch;
//   - `--stop-exit-codes 0 3` takes all its numbers, and `0,3` is the same;
//   - words after "--" belong to the app, whatever they look like, and a "--" with nothing behind it is as good as none;
//   - a negative number may be an argument where numbers are: `scale web -1`.

// line is a command line taken apart.
type line struct {
	cmd  *command
	word string // where cmd is nil: the word that should have been a command
	// argv is for urfave: flags as --name or --name=value, "--", then the arguments.
	argv    []string
	args    []string // the arguments alone
	rest    []string // what followed "--", for commands that pass it on
	unknown []string // flags that were left out
	// help and version were asked for, and win over everything else.
	help, version bool
}

// usageError is a command line that makes no sense, in commander's words, which PM2's users know.
type usageError struct{ message, hint string }

func (e *usageError) Error() string { return e.message }

// parse takes args apart. only reports whether a word that an optional flag could have as its value must be the target
// instead, for commands that can do without a target; nil is never.
func parse(table []command, args []string, only func(word string) bool) (line, error) {
	head, tail, dashed := args, []string(nil), false
	for i, w := range args {
		if w == "--" {
			head, tail, dashed = args[:i:i], args[i+1:], true
			break
		}
	}
	var l line
	at := commandIndex(table, head)
	if at < 0 {
		return l, l.without(table, head)
	}
	l.word = head[at]
	if l.cmd = find(table, head[at]); l.cmd == nil {
		err := l.without(table, head[:at])
		return l, err
	}
	words := append(append(make([]string, 0, len(head)), head[:at]...), head[at+1:]...)
	if head[at] == serviceWord {
		if at = commandIndex(table, words); at >= 0 {
			if form := findService(table, words[at]); form != nil {
				l.cmd, words = form, append(words[:at:at], words[at+1:]...)
			}
		}
	}
	p := parser{table: table, line: &l, words: words}
	if err := p.run(); err != nil || l.help || l.version {
		return l, err
	}
	if l.cmd.rest {
		if len(tail) > 0 {
			l.rest = tail
		}
	} else if dashed {
		l.args = append(l.args, tail...)
	}
	p.giveBack(only)
	l.argv = append(append(p.flagWords(), "--"), l.args...)
	return l, l.count()
}

// commandIndex returns where the command is: the first word that is neither a flag nor a flag's value; -1 without one.
func commandIndex(table []command, head []string) int {
	for i := 0; i < len(head); i++ {
		name, value, ok := flagToken(head[i])
		if !ok {
			return i
		}
		last := name
		if !strings.HasPrefix(head[i], "--") {
			last, value = lastOfBundle(table, name)
		}
		f := anyFlag(table, last)
		if f == nil || value || i+1 == len(head) {
			continue
		}
		switch next := head[i+1]; f.arity {
		case one:
			i++
		case maybe:
			if find(table, next) == nil && f.accepts(next) {
				i++
			}
		case many:
			for i+1 < len(head) && f.accepts(head[i+1]) {
				i++
			}
		}
	}
	return -1
}

// lastOfBundle returns the flag of a bundle of short flags that may take the next word, and whether it has its value
// within the bundle.
func lastOfBundle(table []command, bundle string) (last string, value bool) {
	for i := range len(bundle) {
		last = bundle[i : i+1]
		if f := anyFlag(table, last); f != nil && f.arity != none {
			return last, i+1 < len(bundle)
		}
	}
	return last, false
}

// anyFlag looks a flag up before the command is known: as apps and all commands understand it, else as any does.
func anyFlag(table []command, name string) *flag {
	if f := (&command{}).flag(name); f != nil {
		return f
	}
	for i := range table {
		if f := table[i].flag(name); f != nil {
			return f
		}
	}
	return nil
}

// flagToken splits --name=value and -abc. ok is false for words that are no flags: "-", and all without a dash.
func flagToken(word string) (name string, hasValue, ok bool) {
	if len(word) < 2 || word[0] != '-' {
		return "", false, false
	}
	if !strings.HasPrefix(word, "--") {
		return word[1:], false, true
	}
	name, _, hasValue = strings.Cut(word[2:], "=")
	return name, hasValue, true
}

// accepts reports that word can be the optional value of f.
func (f *flag) accepts(word string) bool {
	if f.fits != nil {
		return f.fits(word)
	}
	_, _, isFlag := flagToken(word)
	return !isFlag
}

// without reads flags on a line without a command.
func (l *line) without(table []command, words []string) error {
	for _, w := range words {
		switch w {
		case "-h", "--help":
			l.help = true
		case "-v", "-V", "--version":
			l.version = true
		default:
			name, _, ok := flagToken(w)
			if ok && strings.HasPrefix(w, "--") && anyFlag(table, name) == nil {
				return unknownFlag(table, &command{}, w)
			}
		}
	}
	return nil
}

// count checks the number of arguments.
func (l *line) count() error {
	c := l.cmd
	if n := len(l.args); n < c.min {
		return &usageError{
			fmt.Sprintf("missing required argument `%s'", missing(c, n)),
			"weaver " + c.name + " " + c.args,
		}
	}
	if c.max >= 0 && len(l.args) > c.max {
		return &usageError{fmt.Sprintf("unexpected argument `%s'", l.args[c.max]), "weaver " + c.name + " -h"}
	}
	return nil
}

// missing names the n-th argument as help does, without brackets and dots.
func missing(c *command, n int) string {
	words := strings.Fields(c.wants)
	if len(words) == 0 {
		words = strings.Fields(c.args)
	}
	if n >= len(words) {
		n = len(words) - 1
	}
	return strings.TrimRight(strings.Trim(words[n], "[]"), "…")
}
