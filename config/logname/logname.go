// Package logname puts process ids into the names of log and pid files.
package logname

import (
	"strconv"
	"strings"

	"weaver/app"
)

// WithID returns the log file of process id where the app's is path: "-<id>" goes in before a final ".log", in the
// place of the id that is there already. Other names have no place for an id and are shared: "ee.txt" stays.
func WithID(path string, id app.ID) string {
	stem, ok := strings.CutSuffix(path, ".log")
	if !ok {
		return path
	}
	return trimID(stem) + "-" + id.String() + ".log"
}

// PIDWithID returns the pid file of process id: "-<id>" goes in before a final ".pid", or at the end.
func PIDWithID(path string, id app.ID) string {
	stem, ok := strings.CutSuffix(path, ".pid")
	if !ok {
		return path + "-" + id.String()
	}
	return trimID(stem) + "-" + id.String() + ".pid"
}

// Base returns name as it is in a file name: what is neither a letter of ASCII, a digit, "." nor "-" becomes "-".
func Base(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '-':
			return r
		}
		return '-'
	}, name)
}

func trimID(stem string) string {
	cut := strings.LastIndexByte(stem, '-')
	if cut < 0 {
		return stem
	}
	if _, err := strconv.ParseUint(stem[cut+1:], 10, 31); err != nil {
		return stem
	}
	return stem[:cut]
}
