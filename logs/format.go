package logs

import (
	"bytes"
	"strconv"
	"time"
	"unicode/utf8"

	"weaver/app"
)

// isoMillis is the timestamp of a JSON line without a date format, as JavaScript's toISOString.
const isoMillis = "2006-01-02T15:04:05.000Z"

// formatter turns what a program wrote into what its file gets. Each piece of input (a line with its newline, or the
// unfinished end of the input) becomes exactly one piece of output, so that the two can be walked side by side.
type formatter struct {
	json bool
	date dateFormat // nil: none
	// tail is what follows the timestamp in a JSON line.
	tail []byte
	// midline says that the last piece was not finished: a date was put before it already.
	midline bool
	stamp   []byte
}

// newFormatter returns nil when bytes go through as they are.
func newFormatter(o *PipeOptions) *formatter {
	if o.Format != app.JSON && o.DateFormat == "" {
		return nil
	}
	f := &formatter{json: o.Format == app.JSON}
	if o.DateFormat != "" {
		f.date = compileDate(o.DateFormat)
	}
	if f.json {
		f.tail = jsonTail(string(o.Stream), int(o.ID), o.Name)
	}
	return f
}

// append formats pieces of in, all with the time now, until dst has grown by limit bytes or in is used up, and returns
// how many bytes of in that was. It makes progress whatever the limit.
func (f *formatter) append(dst, in []byte, now time.Time, limit int) (out []byte, used int) {
	f.setStamp(now)
	start := len(dst)
	for used < len(in) && (used == 0 || len(dst)-start < limit) {
		piece := nextPiece(in[used:])
		used += len(piece)
		if f.json {
			dst = appendJSONLine(dst, piece, f.stamp, f.tail)
			continue
		}
		if !f.midline {
			dst = append(dst, f.stamp...)
			dst = append(dst, ": "...)
		}
		dst = append(dst, piece...)
		f.midline = piece[len(piece)-1] != '\n'
	}
	return dst, used
}

func (f *formatter) setStamp(now time.Time) {
	if f.date != nil {
		f.stamp = f.date.append(f.stamp[:0], now)
	} else {
		f.stamp = now.UTC().AppendFormat(f.stamp[:0], isoMillis)
	}
}

// nextPiece returns the first line of b with its newline, or all of b if it has none.
func nextPiece(b []byte) []byte {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return b[:i+1]
	}
	return b
}

// jsonTail is the constant end of a pipe's JSON lines.
func jsonTail(stream string, id int, name string) []byte {
	b := append([]byte(`,"type":"`), stream...)
	b = append(b, `","process_id":`...)
	b = strconv.AppendInt(b, int64(id), 10)
	b = append(b, `,"app_name":`...)
	b = appendJSONString(b, []byte(name))
	return append(b, "}\n"...)
}

// appendJSONLine writes one object with PM2's keys in PM2's order. PM2 makes one object of each chunk that it happens to
// read; here it is one a line. As there, the message keeps its newline.
func appendJSONLine(dst, message, stamp, tail []byte) []byte {
	dst = append(dst, `{"message":`...)
	dst = appendJSONString(dst, message)
	dst = append(dst, `,"timestamp":`...)
	dst = appendJSONString(dst, stamp)
	return append(dst, tail...)
}

// appendJSONString quotes s as JavaScript's JSON.stringify does. Bytes that are not UTF-8 become U+FFFD.
func appendJSONString(dst, s []byte) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	done := 0 // s[:done] is in dst
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRune(s[i:])
			if r == utf8.RuneError && n == 1 {
				dst = append(dst, s[done:i]...)
				dst = append(dst, "\uFFFD"...)
				done = i + 1
			}
			i += n
			continue
		}
		dst = append(dst, s[done:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, `\n`...)
		case '\r':
			dst = append(dst, `\r`...)
		case '\t':
			dst = append(dst, `\t`...)
		case '\b':
			dst = append(dst, `\b`...)
		case '\f':
			dst = append(dst, `\f`...)
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		done = i
	}
	dst = append(dst, s[done:]...)
	return append(dst, '"')
}

// wholeRunes returns the length of b without a UTF-8 sequence that only begins at its end.
func wholeRunes(b []byte) int {
	for i := 1; i < utf8.UTFMax && i <= len(b); i++ {
		c := b[len(b)-i]
		if utf8.RuneStart(c) {
			if c >= utf8.RuneSelf && !utf8.FullRune(b[len(b)-i:]) {
				return len(b) - i
			}
			break
		}
	}
	return len(b)
}
