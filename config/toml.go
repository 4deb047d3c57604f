package config

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/BurntSushi/toml"

	"weaver/config/source"
)

// parseTOML reads a TOML file: "[[apps]]" tables with the keys of an ecosystem file. Its tables come sorted by key.
func parseTOML(file string, data []byte) (any, error) {
	if err := source.Nested(file, data); err != nil {
		return nil, err
	}
	if err := fewDots(file, data); err != nil {
		return nil, err
	}
	var tree map[string]any
	if err := toml.Unmarshal(data, &tree); err != nil {
		var at toml.ParseError
		if errors.As(err, &at) {
			return nil, &SyntaxError{File: file, Line: at.Position.Line, Col: at.Position.Col, Message: at.Message}
		}
		return nil, &SyntaxError{File: file, Message: err.Error()}
	}
	return fromTOML(file, tree, 0)
}

// fewDots refuses keys of very many parts: the reader takes the square of their number in time and memory, 8 GB for
// twenty thousand.
func fewDots(file string, data []byte) error {
	const most = 2 << 20
	work, line := 0, 1
	for text := range bytes.Lines(data) {
		dots := bytes.Count(text, []byte("."))
		if work += dots * dots; work > most {
			return &SyntaxError{File: file, Line: line, Message: "keys have too many parts"}
		}
		line++
	}
	return nil
}

func fromTOML(file string, v any, depth int) (any, error) {
	if depth > source.MaxDepth {
		return nil, &SyntaxError{File: file, Message: fmt.Sprintf("nested more than %d deep", source.MaxDepth)}
	}
	switch v := v.(type) {
	case map[string]any:
		o := make(object, 0, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			val, err := fromTOML(file, v[key], depth+1)
			if err != nil {
				return nil, err
			}
			o = append(o, member{key, val})
		}
		return o, nil
	case []map[string]any:
		return listTOML(file, v, depth)
	case []any:
		return listTOML(file, v, depth)
	case int64:
		return float64(v), nil
	case time.Time:
		return v.Format(dateFormat(v.Location().String())), nil
	case string, bool, float64:
		return v, nil
	}
	return nil, &SyntaxError{File: file, Message: fmt.Sprintf("cannot use a %T", v)}
}

// dateFormat is how a date is written again, by the name of the zone that the reader gives to those without one.
func dateFormat(zone string) string {
	switch zone {
	case "date-local":
		return time.DateOnly
	case "time-local":
		return "15:04:05.999999999"
	case "datetime-local":
		return "2006-01-02T15:04:05.999999999"
	}
	return time.RFC3339Nano
}

func listTOML[E any](file string, list []E, depth int) (any, error) {
	out := make([]any, 0, len(list))
	for _, e := range list {
		val, err := fromTOML(file, e, depth+1)
		if err != nil {
			return nil, err
		}
		out = append(out, val)
	}
	return out, nil
}
