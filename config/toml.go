package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/BurntSushi/toml"
)

// parseTOML reads a TOML file: "[[apps]]" tables with the keys of an ecosystem file. Its tables come sorted by key.
func parseTOML(file string, data []byte) (any, error) {
	if err := bounded(file, data); err != nil {
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

func fromTOML(file string, v any, depth int) (any, error) {
	if depth > maxDepth {
		return nil, &SyntaxError{File: file, Message: fmt.Sprintf("nested more than %d deep", maxDepth)}
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
		return v.Format(time.RFC3339Nano), nil
	case string, bool, float64:
		return v, nil
	}
	return fmt.Sprint(v), nil // a local date or time
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
