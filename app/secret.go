package app

import (
	"slices"
	"strings"
)

// Redacted stands where a secret was.
const Redacted = "***"

// LooksSecret reports whether a variable or setting of that name is likely to hold a secret, whatever its value is.
func LooksSecret(name string) bool { return suspect(name) != plain }

// RedactValue returns what may be shown of a variable: its value, or as much of that as is no secret.
func RedactValue(name, value string) string {
	if value == "" {
		return value
	}
	switch s := suspect(name); {
	case s == sure, s == likely && !harmless(value):
		return Redacted
	}
	return redactText(value)
}

// HoldsSecret reports that something of a variable's value is not to be shown.
func HoldsSecret(name, value string) bool { return RedactValue(name, value) != value }

// Redact strikes out of a line what looks secret: the values of NAME=VALUE words, the word after a flag, what is set under a name (set
// api:password …), and what is one whatever it is called, as a password in a URL.
func Redact(line string) string {
	words := strings.Split(line, " ")
	sets, key, named := "", -1, "" // the command that sets something, and where the last name is of which the value is a secret
	was := strings.Split(line, " ")
	for i, w := range was {
		name, value, assigned := strings.Cut(w, "=")
		switch {
		case sets == "" && i <= 3 && (w == "set" || w == "multiset" || w == "config" || w == "conf"):
			sets = w
		case key >= 0 && (i == key+1 || sets != "multiset"): // a value may be several words
			words[i] = RedactValue(named, w)
		case sets != "" && !assigned && !strings.HasPrefix(w, "-") && LooksSecret(w):
			key, named = i, w
		case assigned && LooksSecret(name) && !strings.Contains(name, "://"):
			words[i] = name + "=" + RedactValue(name, value)
		case i > 0 && isFlagOfSecret(was[i-1]) && w != "" && w[0] != '-':
			words[i] = RedactValue(was[i-1], w)
		case follows(was, i):
			words[i] = Redacted + trailingQuote(w)
		}
	}
	return redactText(strings.Join(words, " "))
}

// isFlagOfSecret reports a flag whose value is the next word, and a secret perhaps.
func isFlagOfSecret(w string) bool {
	return strings.HasPrefix(w, "--") && !strings.Contains(w, "=") && LooksSecret(w)
}

// Redacted is the spec as it may be shown to whoever may not see secrets: without values of variables that look like one or
// passwords in URLs, in arguments too, and without what is carried as it was written, which may hold anything.
func (s *Spec) Redacted() *Spec {
	c := s.Clone()
	for i, v := range c.Env {
		c.Env[i].Value = RedactValue(v.Name, v.Value)
	}
	redactArgs(c.Args)
	redactArgs(c.InterpreterArgs)
	c.EnvProfiles, c.Extra = nil, nil
	if w := c.WatchConfig; w != nil { // its flags and variables
		c.WatchConfig = &ConfigSource{File: w.File, Sum: w.Sum, Dir: w.Dir}
	}
	if h := c.Health; h != nil {
		c.Health = h.redacted()
	}
	return &c
}

// RedactArgs is args as they may be shown.
func RedactArgs(args []string) []string {
	args = slices.Clone(args)
	redactArgs(args)
	return args
}

// redactArgs does to arguments what Redact does to a line.
func redactArgs(args []string) {
	for i := len(args) - 1; i >= 0; i-- { // backwards: the flag before is still as it was
		if i > 0 && isFlagOfSecret(args[i-1]) && args[i] != "" && args[i][0] != '-' {
			args[i] = RedactValue(args[i-1], args[i])
			continue
		}
		args[i] = Redact(args[i])
	}
}
