package config

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"weaver/config/source"
)

// What a config file says, whatever language it was written in: nil, bool, float64, string, []any or object. Numbers
// are JavaScript's, as in PM2, and objects keep their order, so that an environment is listed as it was written.
type (
	object []member
	member struct {
		key string
		val any
	}
)

// get returns the value of key and whether it is there.
func (o object) get(key string) (any, bool) {
	for i := range o {
		if o[i].key == key {
			return o[i].val, true
		}
	}
	return nil, false
}

// set gives key a value: in its old place, as JavaScript does, or at the end.
func (o *object) set(key string, val any) {
	for i := range *o {
		if (*o)[i].key == key {
			(*o)[i].val = val
			return
		}
	}
	*o = append(*o, member{key, val})
}

// builder collects the members of an object in linear time, which set alone would not for a very large one.
type builder struct {
	object object
	at     map[string]int
}

func (b *builder) set(key string, val any) {
	if b.at == nil {
		b.at = map[string]int{}
	}
	if i, ok := b.at[key]; ok {
		b.object[i].val = val
		return
	}
	b.at[key] = len(b.object)
	b.object = append(b.object, member{key, val})
}

func (b *builder) done() object {
	if b.object == nil {
		return object{}
	}
	return b.object
}

// MarshalJSON writes the members in order.
func (o object) MarshalJSON() ([]byte, error) { return appendJSON(nil, o), nil }

// raw is v as JSON.
func raw(v any) json.RawMessage { return appendJSON(nil, v) }

func appendJSON(b []byte, v any) []byte {
	switch v := v.(type) {
	case object:
		b = append(b, '{')
		for i, m := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(source.AppendText(b, m.key), ':')
			b = appendJSON(b, m.val)
		}
		return append(b, '}')
	case []any:
		b = append(b, '[')
		for i, e := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, e)
		}
		return append(b, ']')
	case string:
		return source.AppendText(b, v)
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return append(b, "null"...)
		}
		return append(b, number(v)...)
	case bool:
		return strconv.AppendBool(b, v)
	default:
		return append(b, "null"...)
	}
}

// number writes f as JavaScript does: 4000, 1.5, 1e+21.
func number(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	case f == 0:
		return "0"
	}
	if a := math.Abs(f); a >= 1e21 || a < 1e-6 {
		text := strconv.FormatFloat(f, 'e', -1, 64)
		return strings.NewReplacer("e+0", "e+", "e-0", "e-").Replace(text)
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// text is v as an environment variable has it: scalars as they read, the rest as JSON. PM2 writes null out.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return number(v)
	default:
		return string(raw(v))
	}
}

// falsy is JavaScript's idea of no.
func falsy(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case float64:
		return v == 0 || math.IsNaN(v)
	case string:
		return v == ""
	}
	return false
}

// noWord is the value of a flag that wants one and has none. It is not falsy, as "" would be.
type noWord struct{}

// typeName is what PM2 calls the type of v in its messages.
func typeName(v any) string {
	switch v.(type) {
	case string:
		return "[object String]"
	case float64:
		return "[object Number]"
	case bool, noWord:
		return "[object Boolean]"
	case []any:
		return "[object Array]"
	case nil:
		return "[object Null]"
	}
	return "[object Object]"
}
