package cli

import (
	"encoding/json"
	"regexp"
	"strings"
	"sync"
)

// level is how bad a log line is; zero is any.
type level uint8

const (
	levelTrace level = iota + 1
	levelDebug
	levelInfo
	levelWarn
	levelError
	levelFatal
)

var levelWords = map[string]level{
	"trace": levelTrace, "verbose": levelDebug, "debug": levelDebug, "info": levelInfo, "notice": levelInfo,
	"warn": levelWarn, "warning": levelWarn, "error": levelError, "err": levelError, "critical": levelFatal, "fatal": levelFatal,
	"panic": levelFatal,
}

// levelWord finds a level where programs write it: early in the line, as a word of its own.
var levelWord = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)\b(trace|verbose|debug|info|notice|warn|warning|error|err|critical|fatal|panic)\b`)
})

// levelOf tells the level of a line: by the field "level" of an object, in words or in the numbers of Node's loggers (10
// to 60), else by the first such word. A line without one is as good as information.
func levelOf(text string) level {
	if i := strings.IndexByte(text, '{'); i >= 0 && i < 64 {
		var o struct{ Level, Severity, Lvl any }
		if json.Unmarshal([]byte(strings.TrimSpace(text[i:])), &o) == nil {
			for _, v := range []any{o.Level, o.Severity, o.Lvl} {
				switch v := v.(type) {
				case string:
					if l, ok := levelWords[strings.ToLower(v)]; ok {
						return l
					}
				case float64:
					return min(max(level(v/10), levelTrace), levelFatal)
				}
			}
			return levelInfo
		}
	}
	const early = 80
	if m := levelWord().FindString(text[:min(len(text), early)]); m != "" {
		return levelWords[strings.ToLower(m)]
	}
	return levelInfo
}
