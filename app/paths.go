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

var numberedPID = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(-\d+)?\.pid$`) })

// PIDFileWithID returns the pid file of one process. PM2 has the rule of log files: web-7 with the id 0 has web-0.pid, and a
// file of another name is left alone.
func PIDFileWithID(path string, id ID) string {
	return numberedPID().ReplaceAllString(path, "-"+id.String()+".pid")
}
