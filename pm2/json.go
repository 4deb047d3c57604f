package pm2

import (
	"math"
	"strconv"
	"unicode/utf8"
)

// AppendJSON appends o as JSON.stringify writes it.
func (o *Object) AppendJSON(dst []byte) []byte {
	dst = append(dst, '{')
	for i := range o.members {
		if i > 0 {
			dst = append(dst, ',')
		}
		m := &o.members[i]
		dst = appendString(dst, m.Key)
		dst = append(dst, ':')
		if m.Value.kind == text {
			dst = appendString(dst, m.Value.text)
			continue
		}
		dst = m.Value.AppendJSON(dst)
	}
	return append(dst, '}')
}

// MarshalJSON makes an Object a part of other JSON.
func (o *Object) MarshalJSON() ([]byte, error) { return o.AppendJSON(nil), nil }

// AppendJSON appends v as JSON.stringify writes it.
func (v Value) AppendJSON(dst []byte) []byte {
	switch v.kind {
	case text:
		return appendString(dst, v.text)
	case number:
		if math.IsNaN(v.num) || math.IsInf(v.num, 0) {
			return append(dst, "null"...)
		}
		return appendNumber(dst, v.num)
	case boolean:
		return strconv.AppendBool(dst, v.num != 0)
	case object:
		return v.object.AppendJSON(dst)
	case array:
		dst = append(dst, '[')
		for i := range v.list {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = v.list[i].AppendJSON(dst)
		}
		return append(dst, ']')
	}
	return append(dst, "null"...)
}

// appendIndented appends v as JSON.stringify(v, null, 2) writes it inside depth levels.
func (v Value) appendIndented(dst []byte, depth int) []byte {
	switch {
	case v.kind == array && len(v.list) > 0:
		for i := range v.list {
			dst = append(dst, "[,"[min(i, 1)])
			dst = v.list[i].appendIndented(newline(dst, depth+1), depth+1)
		}
		return append(newline(dst, depth), ']')
	case v.kind == object && v.object.Len() > 0:
		for i, m := range v.object.members {
			dst = append(dst, "{,"[min(i, 1)])
			dst = appendString(newline(dst, depth+1), m.Key)
			dst = append(dst, ": "...)
			dst = m.Value.appendIndented(dst, depth+1)
		}
		return append(newline(dst, depth), '}')
	}
	return v.AppendJSON(dst)
}

func newline(dst []byte, depth int) []byte {
	dst = append(dst, '\n')
	for range depth {
		dst = append(dst, "  "...)
	}
	return dst
}

// appendString quotes s by JSON.stringify's rules: only quotes, backslashes and control characters are escaped. What is
// not UTF-8 becomes U+FFFD, which is what Node makes of such bytes when it reads them.
func appendString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); {
		for i+8 <= len(s) && harmless(s[i:i+8]) {
			i += 8
		}
		if i == len(s) {
			break
		}
		b := s[i]
		if b >= 0x20 && b != '"' && b != '\\' && b < utf8.RuneSelf {
			i++
			continue
		}
		if b >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				dst = append(dst, s[from:i]...)
				dst = append(dst, "\uFFFD"...)
				from = i + 1
			}
			i += size
			continue
		}
		dst = append(dst, s[from:i]...)
		switch b {
		case '"', '\\':
			dst = append(dst, '\\', b)
		case '\b':
			dst = append(dst, `\b`...)
		case '\f':
			dst = append(dst, `\f`...)
		case '\n':
			dst = append(dst, `\n`...)
		case '\r':
			dst = append(dst, `\r`...)
		case '\t':
			dst = append(dst, `\t`...)
		default:
			dst = append(dst, `\u00`...)
			dst = append(dst, hex[b>>4], hex[b&15])
		}
		i++
		from = i
	}
	dst = append(dst, s[from:]...)
	return append(dst, '"')
}

// harmless reports that the eight bytes of s are ASCII and need no escaping, looking at all of them at once.
func harmless(s string) bool {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	_ = s[7]
	w := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
	quote, slash := w^ones*'"', w^ones*'\\'
	// Subtracting borrows into the high bit of a byte that is too small; a byte that had it already is not ASCII.
	return (w|(w-ones*0x20)|(quote-ones)|(slash-ones))&highs == 0
}

// appendNumber writes n as JavaScript's Number.prototype.toString does.
func appendNumber(dst []byte, n float64) []byte {
	abs := math.Abs(n)
	switch {
	case n == math.Trunc(n) && abs < 1e15:
		return strconv.AppendInt(dst, int64(n), 10)
	case math.IsNaN(n):
		return append(dst, "NaN"...)
	case math.IsInf(n, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(n, -1):
		return append(dst, "-Infinity"...)
	case abs >= 1e-6 && abs < 1e21:
		return strconv.AppendFloat(dst, n, 'f', -1, 64)
	}
	dst = strconv.AppendFloat(dst, n, 'e', -1, 64)
	// Go pads the exponent to two digits, JavaScript does not.
	if k := len(dst); k >= 4 && dst[k-2] == '0' && (dst[k-3] == '-' || dst[k-3] == '+') {
		dst[k-2] = dst[k-1]
		dst = dst[:k-1]
	}
	return dst
}
