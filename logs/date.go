package logs

import (
	"strconv"
	"strings"
	"time"
)

// FormatDate formats t, in t's own zone, with dayjs tokens: YY YYYY M MM MMM MMMM D DD d dd ddd dddd H HH h hh a A m mm
// s ss SSS Z ZZ and [literal]. Everything else stands for itself. An empty format is dayjs's default, ISO 8601 with the
// zone. As in dayjs, Y and YYY give the zone without its colon.
func FormatDate(t time.Time, dayjs string) string {
	return string(compileDate(dayjs).append(nil, t))
}

// dateFormat is a format split into tokens and literals, so that stamping a line costs no parsing.
type dateFormat []datePart

type datePart struct {
	token   string
	literal bool
}

// tokenMax is the longest run of each letter that is one token.
var tokenMax = map[byte]int{'Y': 4, 'M': 4, 'D': 2, 'd': 4, 'H': 2, 'h': 2, 'a': 1, 'A': 1, 'm': 2, 's': 2, 'Z': 2}

func compileDate(format string) dateFormat {
	if format == "" {
		format = "YYYY-MM-DDTHH:mm:ssZ"
	}
	var parts dateFormat
	literal := 0 // start of the literal not yet emitted
	for i := 0; i < len(format); {
		end, part := i, datePart{}
		switch c := format[i]; {
		case c == '[':
			if n := strings.IndexByte(format[i:], ']'); n > 1 {
				end, part = i+n+1, datePart{format[i+1 : i+n], true}
			}
		case strings.HasPrefix(format[i:], "SSS"):
			end, part = i+3, datePart{"SSS", false}
		case tokenMax[c] > 0:
			for end = i + 1; end < len(format) && format[end] == c && end-i < tokenMax[c]; {
				end++
			}
			part = datePart{format[i:end], false}
		}
		if end == i {
			i++
			continue
		}
		if literal < i {
			parts = append(parts, datePart{format[literal:i], true})
		}
		parts = append(parts, part)
		i, literal = end, end
	}
	if literal < len(format) {
		parts = append(parts, datePart{format[literal:], true})
	}
	return parts
}

func (f dateFormat) append(dst []byte, t time.Time) []byte {
	for _, p := range f {
		if p.literal {
			dst = append(dst, p.token...)
		} else {
			dst = appendToken(dst, t, p.token)
		}
	}
	return dst
}

func appendToken(dst []byte, t time.Time, token string) []byte {
	switch token {
	case "YY":
		return appendPadded(dst, t.Year()%100, 2)
	case "YYYY":
		return appendPadded(dst, t.Year(), 4)
	case "M", "MM":
		return appendPadded(dst, int(t.Month()), len(token))
	case "MMM":
		return append(dst, t.Month().String()[:3]...)
	case "MMMM":
		return append(dst, t.Month().String()...)
	case "D", "DD":
		return appendPadded(dst, t.Day(), len(token))
	case "d":
		return appendPadded(dst, int(t.Weekday()), 1)
	case "dd", "ddd":
		return append(dst, t.Weekday().String()[:len(token)]...)
	case "dddd":
		return append(dst, t.Weekday().String()...)
	case "H", "HH":
		return appendPadded(dst, t.Hour(), len(token))
	case "h", "hh":
		return appendPadded(dst, (t.Hour()+11)%12+1, len(token))
	case "A":
		return t.AppendFormat(dst, "PM")
	case "a":
		return t.AppendFormat(dst, "pm")
	case "m", "mm":
		return appendPadded(dst, t.Minute(), len(token))
	case "s", "ss":
		return appendPadded(dst, t.Second(), len(token))
	case "SSS":
		return appendPadded(dst, t.Nanosecond()/int(time.Millisecond), 3)
	case "Z":
		return t.AppendFormat(dst, "-07:00")
	default: // ZZ, and dayjs's surprise for Y and YYY
		return t.AppendFormat(dst, "-0700")
	}
}

func appendPadded(dst []byte, n, width int) []byte {
	for limit := 10; width > 1; width-- {
		if n < limit {
			for ; width > 1; width-- {
				dst = append(dst, '0')
			}
			break
		}
		limit *= 10
	}
	return strconv.AppendInt(dst, int64(n), 10)
}
