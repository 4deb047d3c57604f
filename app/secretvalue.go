package app

import (
	"net/url"
	"slices"
	"strings"
)

// harmless reports a value that is no secret whatever it is called: yes or no, a number, a time, a path, or a URL without a password.
func harmless(value string) bool {
	switch strings.ToLower(value) {
	case "true", "false", "yes", "no", "on", "off", "none", "null", "undefined", "auto", "enabled", "disabled":
		return true
	}
	return isNumber(value) || isPath(value) || strings.Contains(value, "://") && !strings.Contains(value, "@") && redactText(value) == value
}

// isNumber reports a number of up to six digits, of a unit perhaps: 3600, 30m, 500ms.
func isNumber(v string) bool {
	rest := strings.TrimLeft(v, "0123456789")
	digits := len(v) - len(rest)
	return digits > 0 && digits <= 6 && len(rest) <= 2 && strings.Trim(rest, "abcdefghijklmnopqrstuvwxyzKMGTB%") == ""
}

// pathEnds are those of files that hold keys and the like.
var pathEnds = []string{".pem", ".crt", ".cer", ".key", ".pub", ".p12", ".pfx", ".jks", ".json", ".txt", ".env", ".sock"}

func isPath(v string) bool {
	if len(v) > 1024 || strings.ContainsAny(v, "\n+=@") {
		return false
	}
	for _, p := range []string{"/", "./", "../", "~/"} {
		if strings.HasPrefix(v, p) {
			return true
		}
	}
	return len(v) > 2 && v[1:3] == `:\` || !strings.ContainsAny(v, " ") && slices.ContainsFunc(pathEnds, func(end string) bool { return strings.HasSuffix(v, end) })
}

// redactText strikes out what is a secret whatever it is called: passwords in URLs and in connection strings, keys, what is shown to
// be let in.
func redactText(text string) string {
	if strings.Contains(text, "PRIVATE KEY-----") {
		return Redacted
	}
	fields := strings.Split(text, " ")
	for i, w := range fields {
		switch {
		case follows(fields, i):
			fields[i] = Redacted + trailingQuote(w)
		default:
			fields[i] = redactParams(redactURL(w))
		}
	}
	return strings.Join(fields, " ")
}

// follows reports that a word comes after one that says how it lets one in by HTTP: Authorization: Bearer …
func follows(words []string, i int) bool {
	if i == 0 || len(words[i]) < 8 {
		return false
	}
	before := words[i-1]
	scheme := before[strings.LastIndexAny(before, "=:'\"")+1:]
	if !strings.EqualFold(scheme, "bearer") && !strings.EqualFold(scheme, "basic") {
		return false
	}
	return i == 1 || scheme != before || strings.HasSuffix(words[i-2], ":")
}

func trailingQuote(w string) string {
	if end := w[len(w)-1]; end == '\'' || end == '"' {
		return w[len(w)-1:]
	}
	return ""
}

// redactParams strikes out the values of parameters with names of secrets, of a URL or a connection string (a=b;password=c).
func redactParams(w string) string {
	if !strings.Contains(w, "=") {
		return w
	}
	var out strings.Builder
	for rest := w; rest != ""; {
		end := strings.IndexAny(rest, "?&;")
		part, mark := rest, ""
		if end >= 0 {
			part, mark = rest[:end], rest[end:end+1]
		}
		rest = rest[len(part)+len(mark):]
		name, value, ok := strings.Cut(part, "=")
		if ok && value != "" && isParam(name) && suspect(name) == sure {
			part = name + "=" + Redacted
		}
		out.WriteString(part)
		out.WriteString(mark)
	}
	return out.String()
}

// isParam reports the name of a parameter, as it is or encoded.
func isParam(name string) bool {
	name, err := url.QueryUnescape(name)
	return err == nil && name != "" && len(name) <= 64 && !strings.ContainsAny(name, "/@")
}

// tokenLength is from where on a lone user of a web address is more likely to be a token.
const tokenLength = 16

// redactURL hides the password of scheme://user:password@host, and a token in the user's place.
func redactURL(w string) string {
	start := strings.Index(w, "://")
	if start < 0 {
		return w
	}
	scheme, rest := w[:start+3], w[start+3:]
	at := strings.LastIndexByte(rest, '@')
	if at < 0 {
		return w
	}
	user, _, ok := strings.Cut(rest[:at], ":")
	switch {
	case ok:
		return scheme + user + ":" + Redacted + rest[at:]
	case at >= tokenLength && strings.HasSuffix(strings.ToLower(scheme), "http://"), at >= tokenLength && strings.HasSuffix(strings.ToLower(scheme), "https://"):
		if !strings.Contains(user, "/") {
			return scheme + Redacted + rest[at:]
		}
	}
	return w
}
