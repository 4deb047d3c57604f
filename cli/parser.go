package cli

import (
	"fmt"
	"strings"
)

// parser reads the words of one command.
type parser struct {
	table []command
	line  *line
	words []string
	flags []given
	// taken are the words that optional values took without being asked to: they can be given back.
	taken []taken
}

// given is one flag as it was written.
type given struct {
	flag     *flag
	value    string
	hasValue bool
}

// taken is where an optional value came from: flags[flag] took it, and as an argument it would be args[arg].
type taken struct{ flag, arg int }

func (p *parser) run() error {
	for len(p.words) > 0 && !p.line.help && !p.line.version {
		word := p.words[0]
		p.words = p.words[1:]
		_, _, ok := flagToken(word)
		if !ok || (p.line.cmd.numbers && isNumber(word)) {
			p.line.args = append(p.line.args, word)
			continue
		}
		var err error
		if strings.HasPrefix(word, "--") {
			err = p.long(word)
		} else {
			err = p.bundle(word)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// asked notes a wish for help or the version, unless the command has a flag of its own by that name.
func (p *parser) asked(name string) bool {
	switch name {
	case "h", "help":
		p.line.help = true
	case "v", "V", "version":
		p.line.version = true
	default:
		return false
	}
	return true
}

func (p *parser) long(word string) error {
	name, value, hasValue := strings.Cut(word[2:], "=")
	f := p.line.cmd.flag(name)
	if f == nil {
		if p.asked(name) {
			return nil
		}
		return p.unknown(word, hasValue)
	}
	if !hasValue {
		return p.take(f, word)
	}
	if f.arity == none {
		switch value {
		case "true", "1":
		case "false", "0":
			return nil
		default:
			return &usageError{fmt.Sprintf("option `--%s' takes no value", name), ""}
		}
		hasValue = false
	}
	p.flags = append(p.flags, given{f, value, hasValue})
	return nil
}

// bundle reads -abc: every letter a flag, until one takes the rest (-i4) or the next word (-fi 4) as its value.
func (p *parser) bundle(word string) error {
	for i, r := range word {
		if i == 0 {
			continue
		}
		name := string(r)
		f := p.line.cmd.flag(name)
		switch {
		case f == nil && p.asked(name):
		case f == nil:
			return p.unknown("-"+name, true)
		case f.arity == none:
			p.flags = append(p.flags, given{flag: f})
		case i+1 < len(word):
			p.flags = append(p.flags, given{f, strings.TrimPrefix(word[i+1:], "="), true})
			return nil
		default:
			return p.take(f, "-"+name)
		}
	}
	return nil
}

// unknown refuses a flag, or leaves it out: with the word behind it, as PM2 does, unless that is what to run.
func (p *parser) unknown(word string, hasValue bool) error {
	if !p.line.cmd.tolerant {
		return unknownFlag(p.table, p.line.cmd, word)
	}
	p.line.unknown = append(p.line.unknown, cutValue(word))
	if !hasValue && len(p.words) > 0 && len(p.line.args) > 0 && !strings.HasPrefix(p.words[0], "-") {
		p.words = p.words[1:]
	}
	return nil
}

// take adds a flag with the words that follow it, as many as it takes.
func (p *parser) take(f *flag, word string) error {
	switch f.arity {
	case none:
		p.flags = append(p.flags, given{flag: f})
	case one:
		if len(p.words) == 0 {
			return &usageError{fmt.Sprintf("option `%s' argument missing", word), ""}
		}
		next := p.words[0]
		if !f.free && p.isFlag(next) {
			return &usageError{fmt.Sprintf("option `%s' argument missing", word), fmt.Sprintf("to pass %s as its value write %s=%s", next, long(f), next)}
		}
		p.words = p.words[1:]
		p.flags = append(p.flags, given{f, next, true})
	case maybe:
		if len(p.words) == 0 || !f.accepts(p.words[0]) {
			p.flags = append(p.flags, given{flag: f})
			break
		}
		p.takeWord(f)
	case many:
		if len(p.words) == 0 || !f.accepts(p.words[0]) {
			return &usageError{fmt.Sprintf("option `%s' argument missing", word), ""}
		}
		for len(p.words) > 0 && f.accepts(p.words[0]) {
			p.takeWord(f)
		}
	}
	return nil
}

func (p *parser) takeWord(f *flag) {
	p.taken = append(p.taken, taken{len(p.flags), len(p.line.args)})
	p.flags = append(p.flags, given{f, p.words[0], true})
	p.words = p.words[1:]
}

// isFlag reports that word would be a flag of this command by itself.
func (p *parser) isFlag(word string) bool {
	name, _, ok := flagToken(word)
	if !ok || isNumber(word) {
		return false
	}
	if strings.HasPrefix(word, "--") {
		return p.line.cmd.flag(name) != nil
	}
	return p.line.cmd.flag(name[:1]) != nil
}

// giveBack makes the last word that an optional value took the target, where there would be none otherwise.
func (p *parser) giveBack(only func(string) bool) {
	l := p.line
	n := len(p.taken) - 1
	if n < 0 {
		return
	}
	last := p.taken[n]
	g := &p.flags[last.flag]
	lacking := len(l.args) < l.cmd.min
	if !lacking && l.cmd.target && len(l.args) == 0 && g.flag.fits == nil && only != nil {
		lacking = only(g.value)
	}
	if !lacking {
		return
	}
	l.args = append(l.args[:last.arg:last.arg], append([]string{g.value}, l.args[last.arg:]...)...)
	if g.flag.arity == maybe {
		*g = given{flag: g.flag}
		return
	}
	p.flags = append(p.flags[:last.flag], p.flags[last.flag+1:]...)
}

// flagWords writes the flags for urfave, by their first names. A maybe flag without its value has an empty one.
func (p *parser) flagWords() []string {
	words := make([]string, 0, len(p.flags)+1+len(p.line.args))
	for _, g := range p.flags {
		word := long(g.flag)
		if g.hasValue || g.flag.arity != none {
			word += "=" + g.value
		}
		words = append(words, word)
	}
	return words
}

func long(f *flag) string { return "--" + f.name }
