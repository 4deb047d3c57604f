package js

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/dop251/goja"

	"weaver/config/source"
)

// walker writes what the engine holds as JSON, within bounds, without asking the engine to recurse.
type walker struct {
	vm     *goja.Runtime
	path   string
	values int
	out    []byte
}

func (w *walker) value(v goja.Value, depth int) error {
	if w.values++; w.values > source.MaxValues {
		return fmt.Errorf("evaluate %s: more than %d values", w.path, source.MaxValues)
	}
	if depth > source.MaxDepth {
		return fmt.Errorf("evaluate %s: it contains itself, or is nested more than %d deep", w.path, source.MaxDepth)
	}
	if len(w.out) > source.MaxFile {
		return fmt.Errorf("evaluate %s: the result is larger than %d MB", w.path, source.MaxFile>>20)
	}
	if v == nil || goja.IsUndefined(v) || goja.IsNull(v) {
		w.word("null")
		return nil
	}
	o, ok := v.(*goja.Object)
	if !ok {
		switch x := v.Export().(type) {
		case int64:
			w.out = strconv.AppendInt(w.out, x, 10)
		case float64:
			w.number(x)
		case bool:
			w.out = strconv.AppendBool(w.out, x)
		case string:
			w.text(x)
		default:
			w.text(v.String())
		}
		return nil
	}
	switch o.ClassName() {
	case "Array":
		return w.array(o, depth)
	case "Date":
		data, err := w.json(o)
		w.out = append(w.out, data...)
		return err
	case "RegExp", "String", "Error":
		w.text(o.String())
		return nil
	case "Number":
		w.number(o.ToFloat())
		return nil
	case "Boolean":
		w.out = strconv.AppendBool(w.out, o.ToBoolean())
		return nil
	case "Function":
		w.word("null")
		return nil
	}
	return w.object(o, depth, false)
}

// json is what JSON.stringify makes of o.
func (w *walker) json(o *goja.Object) ([]byte, error) {
	data, err := o.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("evaluate %s: %w", w.path, err)
	}
	return data, nil
}

// object writes o. In an env section a date or a pattern is the text of its JSON, as in PM2's, and a number that is none
// is nothing.
func (w *walker) object(o *goja.Object, depth int, section bool) error {
	w.word("{")
	first := true
	for _, key := range o.Keys() {
		member := o.Get(key)
		if _, isFunc := goja.AssertFunction(member); isFunc || member == nil || goja.IsUndefined(member) {
			continue
		}
		if section && (goja.IsNaN(member) || goja.IsInfinity(member)) {
			continue
		}
		if !first {
			w.word(",")
		}
		first = false
		w.text(key)
		w.word(":")
		if err := w.member(key, member, depth, section); err != nil {
			return err
		}
	}
	w.word("}")
	return nil
}

func (w *walker) member(key string, v goja.Value, depth int, section bool) error {
	o, ok := v.(*goja.Object)
	switch {
	case ok && section && (o.ClassName() == "Date" || o.ClassName() == "RegExp"):
		data, err := w.json(o)
		if err != nil {
			return err
		}
		w.text(string(data))
		return nil
	case ok && o.ClassName() == "Object" && (key == "env" || strings.HasPrefix(key, "env_")) && depth < source.MaxDepth:
		w.values++
		return w.object(o, depth+1, true)
	}
	return w.value(v, depth+1)
}

func (w *walker) array(o *goja.Object, depth int) error {
	n := o.Get("length").ToInteger()
	if n > source.MaxValues {
		return fmt.Errorf("evaluate %s: more than %d values", w.path, source.MaxValues)
	}
	w.word("[")
	for i := range n {
		if i > 0 {
			w.word(",")
		}
		if err := w.value(o.Get(strconv.FormatInt(i, 10)), depth+1); err != nil {
			return err
		}
	}
	w.word("]")
	return nil
}

func (w *walker) word(s string) { w.out = append(w.out, s...) }

// number writes null for what JSON has no number for, as JavaScript does.
func (w *walker) number(f float64) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		w.word("null")
		return
	}
	w.out = strconv.AppendFloat(w.out, f, 'g', -1, 64)
}

func (w *walker) text(s string) { w.out = source.AppendText(w.out, s) }
