package app

import "strings"

// Redacted stands where a secret was.
const Redacted = "***"

// secretWords are parts of names whose values are secrets.
var secretWords = [...]string{
	"PASS", "SECRET", "TOKEN", "CREDENTIAL", "PRIVATE", "APIKEY", "API_KEY", "ACCESS_KEY", "ENCRYPTION_KEY", "SIGNING_KEY",
	"AUTH_KEY", "MASTER_KEY", "LICENSE_KEY", "SESSION_KEY", "DATABASE_URL", "CONNECTION_STRING", "_DSN",
}

// LooksSecret reports whether a variable or setting of that name is likely to hold a secret.
func LooksSecret(name string) bool {
	name = strings.ToUpper(strings.ReplaceAll(strings.TrimLeft(name, "-"), "-", "_"))
	for _, w := range secretWords {
		if strings.Contains(name, w) {
			return true
		}
	}
	return name == "DSN"
}

// RedactValue returns what may be shown of a variable: its value, or Redacted.
func RedactValue(name, value string) string {
	if value != "" && LooksSecret(name) {
		return Redacted
	}
	return value
}

// Redact strikes the values out of the NAME=VALUE words of a line whose names look secret, the word after a flag of such
// a name, what is set under one (set api:password …), and what stands before the @ of a URL with a password.
func Redact(line string) string {
	words := strings.Split(line, " ")
	sets, key := "", -1 // the command that sets something, and where the last name is of which the value is a secret
	for i, w := range words {
		name, _, assigned := strings.Cut(w, "=")
		switch {
		case sets == "" && i <= 3 && (w == "set" || w == "multiset" || w == "config" || w == "conf"):
			sets = w
		case key >= 0 && (i == key+1 || sets != "multiset"): // a value may be several words
			words[i] = Redacted
		case sets != "" && !assigned && !strings.HasPrefix(w, "-") && LooksSecret(w):
			key = i
		case assigned && LooksSecret(name):
			words[i] = name + "=" + Redacted
		case i > 0 && strings.HasPrefix(words[i-1], "--") && !strings.Contains(words[i-1], "=") &&
			LooksSecret(words[i-1]) && w != "" && w[0] != '-':
			words[i] = Redacted
		default:
			words[i] = redactURL(w)
		}
	}
	return strings.Join(words, " ")
}

// Redacted is the spec as it may be shown to whoever may not see secrets: without values of variables that look like one or
// passwords in URLs, in arguments too, and without what is carried as it was written, which may hold anything.
func (s *Spec) Redacted() *Spec {
	c := s.Clone()
	for i, v := range c.Env {
		c.Env[i].Value = redactURL(RedactValue(v.Name, v.Value))
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

// redactArgs does to arguments what Redact does to a line.
func redactArgs(args []string) {
	for i := len(args) - 1; i >= 0; i-- { // backwards: the flag before is still as it was
		if i > 0 && strings.HasPrefix(args[i-1], "--") && !strings.Contains(args[i-1], "=") && LooksSecret(args[i-1]) &&
			args[i] != "" && args[i][0] != '-' {
			args[i] = Redacted
			continue
		}
		args[i] = Redact(args[i])
	}
}

// redactURL hides the password of scheme://user:password@host.
func redactURL(w string) string {
	at := strings.LastIndexByte(w, '@')
	start := strings.Index(w, "://")
	if start < 0 || at < start {
		return w
	}
	user, _, ok := strings.Cut(w[start+3:at], ":")
	if !ok {
		return w
	}
	return w[:start+3] + user + ":" + Redacted + w[at:]
}
