package app

import (
	"regexp"
	"strings"
	"sync"
)

var numbered = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(-\d+)?\.log$`) })

// WithID returns the log file of one process: PM2 puts "-<id>" before a final ".log", in place of a number that is
// there already, and leaves other names alone, so that their processes share a file.
func WithID(path string, id ID) string {
	if !strings.HasSuffix(path, ".log") {
		return path
	}
	return numbered().ReplaceAllString(path, "-"+id.String()+".log")
}

// PIDFileWithID puts "-<id>" before a final ".pid", or at the end.
func PIDFileWithID(path string, id ID) string {
	if path == "" {
		return ""
	}
	base, cut := strings.CutSuffix(path, ".pid")
	if cut {
		return base + "-" + id.String() + ".pid"
	}
	return path + "-" + id.String()
}
