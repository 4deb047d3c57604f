package port

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// pair is a key and its value: a Map, []any, string, float64, int, bool or nil.
type pair struct {
	key     string
	val     any
	comment string // a line above it
}

// tree is a mapping in the order in which it is written.
type tree []pair

func (t tree) get(key string) any {
	for i := range t {
		if t[i].key == key {
			return t[i].val
		}
	}
	return nil
}

func (t tree) has(key string) bool {
	for i := range t {
		if t[i].key == key {
			return true
		}
	}
	return false
}

func (t *tree) set(key string, val any) {
	for i := range *t {
		if (*t)[i].key == key {
			(*t)[i].val = val
			return
		}
	}
	*t = append(*t, pair{key: key, val: val})
}

// fill sets what is not empty.
func (t *tree) fill(key string, val any) {
	switch v := val.(type) {
	case nil:
		return
	case string:
		if v == "" {
			return
		}
	case int:
		if v == 0 {
			return
		}
	case tree:
		if len(v) == 0 {
			return
		}
	case []any:
		if len(v) == 0 {
			return
		}
	}
	t.set(key, val)
}

// words is a list of texts as a list of values.
func words(list []string) []any {
	out := make([]any, len(list))
	for i, w := range list {
		out[i] = w
	}
	return out
}

// decode reads JSON and keeps the order of its keys. Its depth was bounded by whoever wrote it.
func decode(data []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	return decodeValue(dec)
}

func decodeValue(dec *json.Decoder) (any, error) {
	tok, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch tok {
	case json.Delim('{'):
		t := tree{}
		for dec.More() {
			key, err := dec.Token()
			if err != nil {
				return nil, err
			}
			val, err := decodeValue(dec)
			if err != nil {
				return nil, err
			}
			t = append(t, pair{key: key.(string), val: val})
		}
		_, err = dec.Token()
		return t, err
	case json.Delim('['):
		list := []any{}
		for dec.More() {
			val, err := decodeValue(dec)
			if err != nil {
				return nil, err
			}
			list = append(list, val)
		}
		_, err = dec.Token()
		return list, err
	}
	return tok, nil
}

// text is a scalar as it was written, near enough; ok is false for lists and mappings.
func text(v any) (s string, ok bool) {
	switch v := v.(type) {
	case nil:
		return "", true
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case int:
		return strconv.Itoa(v), true
	case float64:
		if v == float64(int64(v)) {
			return strconv.FormatInt(int64(v), 10), true
		}
		return strconv.FormatFloat(v, 'g', -1, 64), true
	}
	return fmt.Sprint(v), false
}
