// Package logname turns names of apps into names of files.
package logname

import "strings"

// Base returns name as it is in a file name: what is neither a letter of ASCII, a digit, "." nor "-" becomes "-".
// Where the id of a process goes into it is app.WithID's to say.
func Base(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '-':
			return r
		}
		return '-'
	}, name)
}
