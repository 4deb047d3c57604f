package app

import (
	"slices"
	"strings"
	"unicode"
)

// How sure a name makes one that its value is a secret.
type suspicion int

const (
	plain  suspicion = iota
	likely           // unless the value shows that it is none: a path, a number, a URL without a password
	sure
)

// sureParts make a word secret wherever they are in it; words are often run together (PGPASSWORD, APITOKEN).
var sureParts = []string{
	"PASSWORD", "PASSWD", "PASSPHRASE", "PASSCODE", "SECRET", "CREDENTIAL", "BEARER", "APIKEY", "ACCESSKEY", "PRIVATEKEY", "AUTHKEY",
	"MASTERKEY", "SIGNINGKEY", "ENCRYPTIONKEY", "LICENSEKEY", "SESSIONKEY", "CONNECTIONSTRING", "CONNSTRING",
}

// sureKeys are the words before KEY that leave no doubt.
var sureKeys = []string{"API", "ACCESS", "PRIVATE", "SECRET", "AUTH", "MASTER", "SIGNING", "ENCRYPTION", "LICENSE", "SESSION", "SSH", "ACCOUNT"}

// openKeys are those that leave no doubt that it is none.
var openKeys = []string{"PUBLIC", "PUBLISHABLE", "PRIMARY", "FOREIGN", "SORT", "PARTITION", "CACHE", "ROUTING"}

// passWords end in PASS and mean no password.
var passWords = []string{"COMPASS", "ENCOMPASS", "BYPASS", "SURPASS", "TRESPASS", "OVERPASS", "UNDERPASS"}

// likelyWords are what often is a secret, or has one in it.
var likelyWords = []string{
	"AUTH", "OAUTH", "AUTHORIZATION", "COOKIE", "COOKIES", "SESSION", "SESSIONS", "DSN", "PRIVATE", "CERT", "CERTS", "CERTIFICATE", "KEY",
	"KEYS", "PEM", "JWT", "HMAC", "SALT", "OTP", "TOTP", "TOKENS", "CONNSTR",
}

// aboutWords end names of what is said about a secret, and is none itself.
var aboutWords = []string{
	"FILE", "PATH", "DIR", "SOCK", "SOCKET", "TTL", "EXPIRY", "EXPIRES", "EXPIRATION", "LIFETIME", "TIMEOUT", "AGE", "INTERVAL", "LENGTH", "MIN",
	"MAX", "LIMIT", "COUNT", "SIZE", "ROUNDS", "POLICY", "ENABLED", "DISABLED", "REQUIRED", "URL", "URI", "ENDPOINT", "ISSUER", "AUDIENCE",
	"ALGORITHM", "TYPE", "NAME", "HEADER", "PREFIX", "SUFFIX", "DOMAIN", "SAMESITE", "SECURE", "MODE", "METHOD", "PROVIDER", "HOST", "PORT",
	"ADDRESS", "REGION", "BACKEND", "ENGINE", "STORE", "DRIVER", "VERSION", "USER", "USERNAME", "ARN", "ID",
}

// desktop are variables of a graphical session, which have nothing to hide.
var desktop = []string{"DESKTOP_SESSION", "SESSION_MANAGER"}

// suspect tells by its name whether a variable or setting is likely to hold a secret.
func suspect(name string) suspicion {
	words := wordsOf(name)
	if len(words) == 0 || words[0] == "XDG" || slices.Contains(desktop, strings.ToUpper(name)) {
		return plain
	}
	last := words[len(words)-1]
	about := len(words) > 1 && slices.Contains(aboutWords, last)
	found := plain
	for i, w := range words {
		before := ""
		if i > 0 {
			before = words[i-1]
		}
		found = max(found, suspectWord(before, w, len(words) > 1))
	}
	if strings.HasSuffix(strings.Join(words, "_"), "CONNECTION_STRING") {
		return sure
	}
	if last == "URL" && len(words) > 1 && words[len(words)-2] == "DATABASE" {
		return likely
	}
	if last == "ID" && (slices.Contains(words, "SESSION") || slices.Contains(words, "COOKIE")) {
		return likely
	}
	switch {
	case about && found == sure:
		return likely
	case about, found == likely && (slices.Contains(words, "PUBLIC") || slices.Contains(words, "PUBLISHABLE")):
		return plain
	}
	return found
}

// suspectWord is suspect of one word of a name, and the one before it. among says that there are others.
func suspectWord(before, w string, among bool) suspicion {
	switch {
	case slices.ContainsFunc(sureParts, func(part string) bool { return strings.Contains(w, part) }):
		return sure
	case strings.HasSuffix(w, "TOKEN"), strings.HasSuffix(w, "PASS") && !slices.Contains(passWords, w):
		return sure
	case w == "KEY" || w == "KEYS":
		if slices.Contains(sureKeys, before) {
			return sure
		}
		if slices.Contains(openKeys, before) {
			return plain
		}
		return likely
	case w == "PWD" && among, slices.Contains(likelyWords, w):
		return likely
	}
	return plain
}

// wordsOf splits a name where its words meet (db.password, --api-key, authToken, APIKey), in capitals and without numbers at their ends.
func wordsOf(name string) (words []string) {
	runes := []rune(name)
	start := 0
	cut := func(end int) {
		if w := strings.TrimRight(strings.ToUpper(string(runes[start:end])), "0123456789"); w != "" {
			words = append(words, w)
		}
		start = end
	}
	for i, r := range runes {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			cut(i)
			start = i + 1
		case i > start && unicode.IsUpper(r) && (unicode.IsLower(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1]) && unicode.IsUpper(runes[i-1])):
			cut(i)
		}
	}
	cut(len(runes))
	return words
}
