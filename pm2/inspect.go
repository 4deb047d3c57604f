package pm2

import (
	"encoding/json"
	"math"
	"strings"
	"unicode/utf8"

	"weaver/app"
)

// The numbers of Node's util.inspect, as PM2 calls it: unlimited depth, no colours, all array elements.
const (
	breakLength   = 80    // width that decides whether something fits on a line
	minSplit      = 16    // shorter strings are never split at their newlines
	maxString     = 10000 // longer strings are cut
	compactLevels = 3     // how many levels may share a line
	maxColumns    = 15    // of a grouped array; the compact levels allow 12
)

// Inspect writes v as Node's util.inspect does, which is how PM2 prints ids, pongs and lists to people. Values of other
// types than Value, *Object, []int, []string and []app.ID are shown by their JSON.
func Inspect(v any) string {
	in := inspector{}
	s, _ := in.value(valueOf(v), 0)
	return s
}

func valueOf(v any) Value {
	switch v := v.(type) {
	case Value:
		return v
	case *Object:
		return Of(v)
	case []string:
		return Strings(v)
	case []int:
		return numbers(v)
	case []app.ID:
		return numbers(v)
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return String(err.Error())
	}
	return parseRaw(raw)
}

func numbers[N ~int](list []N) Value {
	out := Value{kind: array, list: make([]Value, len(list))}
	for i, n := range list {
		out.list[i] = Number(int(n))
	}
	return out
}

// inspector is one run of util.inspect.
type inspector struct {
	indent int
	// deepest is the level of the object looked at last: not of the deepest one, in spite of what one would expect.
	deepest int
}

// value returns v's text and its length in UTF-16 units, which is what Node counts.
func (in *inspector) value(v Value, level int) (string, int) {
	var entries []string
	var lengths []int
	braces := "{}"
	switch v.kind {
	case text:
		s := in.text(v.text)
		return s, units(s)
	case number:
		s := string(appendNumber(nil, v.num))
		if v.num == 0 && math.Signbit(v.num) {
			s = "-0"
		}
		return s, len(s)
	case boolean, null:
		s := string(v.AppendJSON(nil))
		return s, len(s)
	case array:
		if len(v.list) == 0 {
			return "[]", 2
		}
		braces, in.deepest = "[]", level
		for _, e := range v.list {
			s, n := in.child(e, level)
			entries, lengths = append(entries, s), append(lengths, n)
		}
		if len(entries) > 6 {
			if grouped := in.group(entries, lengths, v.list); grouped != nil {
				return in.lines(braces, grouped)
			}
		}
	case object:
		if v.object.Len() == 0 {
			return "{}", 2
		}
		in.deepest = level
		for _, m := range v.object.members {
			key := inspectKey(m.Key)
			s, n := in.child(m.Value, level)
			entries, lengths = append(entries, key+": "+s), append(lengths, units(key)+2+n)
		}
	}
	if in.deepest-level < compactLevels && in.fits(lengths) {
		joined := strings.Join(entries, ", ")
		if strings.IndexByte(joined, '\n') < 0 {
			s := braces[:1] + " " + joined + " " + braces[1:]
			return s, units(s)
		}
	}
	return in.lines(braces, entries)
}

func (in *inspector) child(v Value, level int) (string, int) {
	in.indent += 2
	s, n := in.value(v, level+1)
	in.indent -= 2
	return s, n
}

// fits tells whether entries of these lengths go on one line, by Node's reckoning.
func (in *inspector) fits(lengths []int) bool {
	total := len(lengths) + len(lengths) + in.indent + 1 + 10
	if total+len(lengths) > breakLength {
		return false
	}
	for _, n := range lengths {
		total += n
	}
	return total <= breakLength
}

func (in *inspector) lines(braces string, entries []string) (string, int) {
	indent := "\n" + strings.Repeat(" ", in.indent)
	s := braces[:1] + indent + "  " + strings.Join(entries, ","+indent+"  ") + indent + braces[1:]
	return s, units(s)
}

// group lays the entries of an array out in columns. It returns nil where Node would leave them alone.
func (in *inspector) group(entries []string, lengths []int, list []Value) []string {
	const separator = 2
	widths := make([]int, len(entries))
	total, longest := 0, 0
	for i, s := range entries {
		widths[i] = inspectWidth(s)
		total += widths[i] + separator
		longest = max(longest, widths[i])
	}
	cell := longest + separator
	if cell*3+in.indent >= breakLength || (float64(total)/float64(cell) <= 5 && longest > 6) {
		return nil
	}
	// A square looks best, and a character is about 2.5 times as high as wide.
	bias := math.Sqrt(float64(cell) - float64(total)/float64(len(entries)))
	biased := math.Max(float64(cell)-3-bias, 1)
	columns := min(
		int(math.Floor(math.Sqrt(2.5*biased*float64(len(entries)))/biased+0.5)),
		(breakLength-in.indent)/cell, compactLevels*4, maxColumns)
	if columns <= 1 {
		return nil
	}
	columnWidths := make([]int, columns)
	for i, w := range widths {
		columnWidths[i%columns] = max(columnWidths[i%columns], w+separator)
	}
	right := true
	for _, v := range list {
		right = right && v.kind == number
	}
	rows := make([]string, 0, len(entries)/columns+1)
	for i := 0; i < len(entries); i += columns {
		var row strings.Builder
		last := min(i+columns, len(entries)) - 1
		for j := i; j <= last; j++ {
			s, pad := entries[j], columnWidths[j-i]-widths[j]-separator
			if j < last {
				s += ", "
			}
			if right {
				row.WriteString(strings.Repeat(" ", pad))
			}
			row.WriteString(s)
			if !right && j < last {
				row.WriteString(strings.Repeat(" ", pad))
			}
		}
		rows = append(rows, row.String())
	}
	return rows
}

// text quotes a string, splits it at newlines where it is too long for its line, and cuts what is beyond any line.
func (in *inspector) text(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	n := units(s)
	trailer := ""
	if n > maxString {
		rest := n - maxString
		trailer = "... " + string(appendNumber(nil, float64(rest))) + " more character"
		if rest > 1 {
			trailer += "s"
		}
		s = cutUnits(s, maxString)
		n = maxString
	}
	if n <= minSplit || n <= breakLength-in.indent-4 {
		return quote(s) + trailer
	}
	var out strings.Builder
	for i, line := range strings.SplitAfter(s, "\n") {
		if line == "" && i > 0 {
			break
		}
		if i > 0 {
			out.WriteString(" +\n" + strings.Repeat(" ", in.indent+2))
		}
		out.WriteString(quote(line))
	}
	return out.String() + trailer
}

func inspectKey(key string) string {
	if key == "__proto__" {
		return "['__proto__']"
	}
	plain := key != ""
	for i := 0; i < len(key) && plain; i++ {
		c := key[i]
		plain = c == '_' || 'a' <= c|0x20 && c|0x20 <= 'z' || i > 0 && '0' <= c && c <= '9'
	}
	if plain {
		return key
	}
	return quote(strings.ToValidUTF8(key, "\uFFFD"))
}

// halfPair marks a pair of UTF-16 units that was cut in two: invalid as UTF-8, so no string contains it by itself.
const halfPair = '\xff'

// quote uses the first of ', " and ` that needs no escaping, and else ' with escapes.
func quote(s string) string {
	mark := byte('\'')
	if strings.IndexByte(s, '\'') >= 0 {
		if strings.IndexByte(s, '"') < 0 {
			mark = '"'
		} else if strings.IndexByte(s, '`') < 0 && !strings.Contains(s, "${") {
			mark = '`'
		}
	}
	const hex = "0123456789ABCDEF"
	out := make([]byte, 0, len(s)+2)
	out = append(out, mark)
	for i := 0; i < len(s); i++ {
		c := s[i]
		control := c < 0x20 || c == 0x7f
		if c == 0xc2 && i+1 < len(s) && s[i+1] < 0xa0 {
			i++
			c, control = s[i], true
		}
		at := strings.IndexByte("\b\t\n\f\r", c)
		switch {
		case c == '\\' || c == '\'' && mark == '\'':
			out = append(out, '\\', c)
		case control && at >= 0:
			out = append(out, '\\', "btnfr"[at])
		case control:
			out = append(out, '\\', 'x', hex[c>>4], hex[c&15])
		case c == halfPair:
			out = append(out, `\u`...)
			out = append(out, s[i+1:]...)
			return string(append(out, mark))
		default:
			out = append(out, c)
		}
	}
	return string(append(out, mark))
}

// units returns the length of s in UTF-16 units.
func units(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r >= 0x10000 {
			n++
		}
	}
	return n
}

// cutUnits returns the first n UTF-16 units of s. If that cuts a pair in two, the rest of it is halfPair and the four
// digits of the half that stays.
func cutUnits(s string, n int) string {
	for i, r := range s {
		if n == 0 {
			return s[:i]
		}
		if n--; r >= 0x10000 {
			if n == 0 {
				const hex = "0123456789abcdef"
				high := 0xd800 + (r-0x10000)>>10
				return s[:i] + string([]byte{halfPair, hex[high>>12], hex[high>>8&15], hex[high>>4&15], hex[high&15]})
			}
			n--
		}
	}
	return s
}

// inspectWidth is the number of columns that Node takes s to fill. It lets control characters count for nothing.
func inspectWidth(s string) int {
	w := 0
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if c >= 0x20 && c != 0x7f {
				w++
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		w += runeWidth(r)
		i += size
	}
	return w
}
