package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"weaver/app"
)

// values are the attributes that were given, by key, each in the Go type of its unit.
type values map[string]any

// check reads the attributes of one app by PM2's rules, and says everything that is wrong with them. Warnings are
// about what PM2 drops without a word.
func check(in object, c Context) (vals values, warnings, errs []Problem) {
	vals = values{}
	name := nameForMessages(in)
	in, nested := flattened(in)
	if nested != nil {
		nested.App = name
		errs = append(errs, *nested)
	}
	for i := range attributes {
		a := &attributes[i]
		v, ok := a.find(in, c.Strict)
		if !ok {
			continue
		}
		val, problem := a.read(v)
		if problem != nil && falsy(v) && strings.Contains(a.key, "_") {
			continue // limit: production && "1G" limits nothing elsewhere, in PM2 too
		}
		if problem != nil {
			problem.App, problem.Key = name, a.key
			errs = append(errs, *problem)
			continue
		}
		vals[a.key] = val
	}
	for _, m := range in {
		switch {
		case keySet()[m.key], m.key == "$schema", m.key == "logs", strings.HasPrefix(m.key, "//"):
		case strings.HasPrefix(m.key, "env_") && !strings.ContainsAny(m.key, " \t\n"):
			switch m.val.(type) {
			case object:
			case nil:
				continue
			default:
				errs = append(errs, Problem{App: name, Key: m.key, Message: mismatch(m.key, "O", m.val)})
			}
		default:
			p := Problem{App: name, Key: m.key, Message: fmt.Sprintf("unknown key %q", clip(m.key))}
			if near := Nearest(m.key, knownKeys()); near != "" {
				p.Hint = fmt.Sprintf("did you mean %q?", near)
			}
			warnings = append(warnings, p)
		}
	}
	for _, p := range vals.meaning(in) {
		p.App = name
		errs = append(errs, p)
	}
	return vals, warnings, errs
}

func nameForMessages(in object) string {
	for _, key := range []string{"name", "script"} {
		if v, _ := in.get(key); v != nil {
			return clip(strings.Map(printable, text(v)))
		}
	}
	return ""
}

// find looks an attribute up under its spellings. Strictly as PM2, a value that is false, 0 or "" under a key of
// several words counts as absent; what is meant is that it says so.
func (a *attribute) find(in object, strict bool) (any, bool) {
	for i, word := range a.spellings() {
		v, ok := in.get(word)
		if !ok || v == nil {
			continue
		}
		if strict && falsy(v) && (i > 0 || strings.Contains(word, "_")) {
			continue
		}
		return v, true
	}
	return nil, false
}

// read checks the type of v and brings it into the form of a's unit.
func (a *attribute) read(v any) (any, *Problem) {
	if list, ok := v.([]any); ok && len(list) == 1 && !strings.Contains(a.types, "A") && strings.Contains(a.types, "N") {
		v = list[0]
	}
	if s, ok := v.(string); ok && strings.Contains(a.types, "N") {
		if n, ok := numeric(s); ok {
			v = n
		}
	}
	if a.key == "instances" {
		return v, a.instancesType(v)
	}
	spelt := false // a duration in words is welcome where PM2 wants a number
	if s, ok := v.(string); ok && a.as == asSpan {
		_, err := app.ParseDuration(s)
		spelt = err == nil
	}
	if !spelt && !strings.Contains(a.types, letter(v)) {
		return nil, &Problem{Message: mismatch(a.key, a.types, v)}
	}
	if n, ok := v.(float64); ok && (a.as == asWhole || a.as == asSpan || a.as == asSize) && !(n >= a.min) {
		return nil, &Problem{Message: fmt.Sprintf("The minimum of %q is %s, but now is %s", a.key, number(a.min), number(n))}
	}
	switch a.as {
	case asText, asFlag, asTree:
		return v, nil
	case asWords:
		return a.words(v)
	case asWhole:
		n := v.(float64)
		if n != math.Trunc(n) || math.Abs(n) > math.MaxInt32 {
			return nil, &Problem{Message: fmt.Sprintf("%q has to be a whole number, but now is %s", a.key, number(n))}
		}
		return int(n), nil
	case asCodes:
		return a.codes(v)
	case asSpan:
		return a.span(v)
	default:
		return a.size(v)
	}
}

// numeric reads a text that is a number to PM2 too: "4000", "1.5".
func numeric(s string) (float64, bool) {
	s = strings.TrimSpace(s)
	n, err := strconv.ParseFloat(s, 64)
	return n, err == nil && plainDecimal(s)
}

func (a *attribute) instancesType(v any) *Problem {
	switch v.(type) {
	case float64, string:
		return nil
	}
	return &Problem{Message: mismatch(a.key, a.types, v)}
}

func mismatch(key, types string, v any) string {
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = map[rune]string{
			'A': "[object Array]", 'B': "[object Boolean]", 'N': "[object Number]",
			'O': "[object Object]", 'S': "[object String]",
		}[t]
	}
	return fmt.Sprintf("Expect %q to be a typeof %s, but now is %s", key, strings.Join(names, " / "), typeName(v))
}

func letter(v any) string { return typeName(v)[len("[object "):][:1] }

func (a *attribute) words(v any) (any, *Problem) {
	if s, ok := v.(string); ok {
		if words := SplitArgs(s); words != nil {
			return words, nil
		}
		return []string{}, nil // PM2's records tell no arguments from none being said
	}
	list := v.([]any)
	out := make([]string, 0, len(list))
	for _, e := range list {
		switch {
		case e != nil:
			out = append(out, text(e))
		case a.key == "args":
			out = append(out, "null") // as a program sees it under PM2
		}
	}
	return out, nil
}

func (a *attribute) codes(v any) (any, *Problem) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	out := make([]int, 0, len(list))
	for _, e := range list {
		n, ok := e.(float64)
		if s, isText := e.(string); isText {
			n, ok = numeric(s)
		}
		if !ok || n != math.Trunc(n) || n < 0 || n > 255 {
			return nil, &Problem{Message: fmt.Sprintf("%q holds %s, which is no exit code (0-255)", a.key, clip(text(e)))}
		}
		out = append(out, int(n))
	}
	return out, nil
}

// span reads milliseconds, or a text that app.ParseDuration reads.
func (a *attribute) span(v any) (any, *Problem) {
	const longest = 10 * 365 * 24 * 3600e3 // ms: ten years, far below where time.Duration ends
	d := app.Duration(0)
	switch v := v.(type) {
	case float64:
		if v > longest {
			return nil, &Problem{Message: fmt.Sprintf("%q is longer than ten years: %s", a.key, number(v))}
		}
		d = app.Duration(v * 1e6)
	case string:
		var err error
		if d, err = app.ParseDuration(v); err != nil {
			return nil, &Problem{Message: fmt.Sprintf(`Verify %q with regex failed, it should be a NUMBER - milliseconds, `+
				`"[NUMBER]h"(hours), "[NUMBER]m"(minutes) or "[NUMBER]s"(seconds)`, a.key)}
		}
	}
	if ms := float64(d) / 1e6; ms < a.min || ms > longest {
		return nil, &Problem{Message: fmt.Sprintf("The minimum of %q is %s, but now is %s", a.key, number(a.min), number(ms))}
	}
	return d, nil
}

// size reads bytes, or digits with G, M or K in either case. PM2 has capitals only; nothing else could be meant.
func (a *attribute) size(v any) (any, *Problem) {
	if n, ok := v.(float64); ok {
		if n > 1<<62 {
			return nil, &Problem{Message: fmt.Sprintf("%q is too large: %s", a.key, number(n))}
		}
		return app.Bytes(n), nil
	}
	s := strings.ToUpper(strings.TrimSpace(v.(string)))
	digits := strings.TrimRight(s, "GMK")
	if digits != "" && len(s)-len(digits) <= 1 && strings.Trim(digits, "0123456789") == "" {
		if n, err := app.ParseBytes(s); err == nil {
			return n, nil
		}
	}
	return nil, &Problem{Message: fmt.Sprintf(`Verify %q with regex failed, it should be a NUMBER - byte, "[NUMBER]G"(Gigabyte), `+
		`"[NUMBER]M"(Megabyte) or "[NUMBER]K"(Kilobyte)`, a.key)}
}
