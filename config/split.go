package config

import "strings"

// SplitArgs splits a line of arguments as PM2 does: at blanks, but a word in quotes is one word without them, and a
// quoted value after "=" stays with its name, quotes and all. Backslashes mean nothing.
func SplitArgs(line string) []string {
	const blanks = " \t\r\n\v\f"
	var words []string
	for line = strings.TrimLeft(line, blanks); line != ""; line = strings.TrimLeft(line, blanks) {
		if end, ok := closing(line); ok {
			if end > 1 {
				words = append(words, line[1:end])
			}
			line = line[end+1:]
			continue
		}
		end, named := 0, false
		for end < len(line) && !strings.ContainsRune(blanks, rune(line[end])) {
			if line[end] == '=' && end > 0 && !named {
				named = true
				if n, ok := closing(line[end+1:]); ok {
					end += n + 2 // whatever follows the quote is a word of its own
					break
				}
			}
			end++
		}
		words = append(words, line[:end])
		line = line[end:]
	}
	return words
}

// closing returns where the quote that s begins with is closed.
func closing(s string) (int, bool) {
	if s == "" || (s[0] != '"' && s[0] != '\'') {
		return 0, false
	}
	end := strings.IndexByte(s[1:], s[0])
	return end + 1, end >= 0
}

// quote writes word so that a POSIX shell reads it as one word.
func quote(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./:=@%+,", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
