package lock

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Holder is who holds a lock, as the holder itself wrote into the file.
type Holder struct {
	PID     int
	Command string    // what it is doing, such as "weaver restart web"
	Since   time.Time // kept to the millisecond
}

// recordSize is the length of every record: with a fixed one a new record
// covers the old one wholly, in one write and without a truncation (which
// costs as much as all the rest).
const recordSize = 256

// appendRecord writes h as three short lines for people, filled up with spaces.
func appendRecord(buf []byte, h Holder) []byte {
	start := len(buf)
	buf = append(buf, "pid "...)
	buf = strconv.AppendInt(buf, int64(h.PID), 10)
	buf = append(buf, "\nsince "...)
	buf = h.Since.UTC().AppendFormat(buf, "2006-01-02T15:04:05.000Z")
	buf = append(buf, "\ncommand "...)
	buf = appendLine(buf, h.Command, recordSize-1-(len(buf)-start))
	for len(buf)-start < recordSize-1 {
		buf = append(buf, ' ')
	}
	return append(buf, '\n')
}

// parseRecord reads what appendRecord wrote. Of anything else it takes what it
// understands: the record of a dying holder may be anything.
func parseRecord(data []byte) Holder {
	var h Holder
	for line := range strings.SplitSeq(string(data), "\n") {
		key, val, _ := strings.Cut(strings.TrimRight(line, " "), " ")
		switch key {
		case "pid":
			if pid, err := strconv.Atoi(val); err == nil && pid > 0 {
				h.PID = pid
			}
		case "since":
			if t, err := time.Parse("2006-01-02T15:04:05.000Z", val); err == nil {
				h.Since = t
			}
		case "command":
			h.Command = strings.TrimRight(string(appendLine(nil, val, recordSize)), " ")
		}
	}
	return h
}

// appendLine adds s without what could break a line or steer a terminal, cut to
// at most n bytes between characters.
func appendLine(buf []byte, s string, n int) []byte {
	end := len(buf) + n
	for _, r := range s {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			r = ' '
		}
		if len(buf)+utf8.RuneLen(r) > end {
			break
		}
		buf = utf8.AppendRune(buf, r)
	}
	return buf
}
