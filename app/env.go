package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Env is an environment in the order in which it was given. Order matters to nobody but to people and tools that
// compare listings; a name appears once.
type Env []Var

// Var is one environment variable.
type Var struct {
	Name, Value string
	// Bare says that the value was written as a number or boolean rather than as text: listings show it so.
	Bare bool
}

// ParseEnviron turns "K=V" strings, as os.Environ returns them, into an Env. Strings without "=" are dropped; a name
// given twice keeps its first place and its last value, as execve(2) receivers commonly see it.
func ParseEnviron(environ []string) Env {
	env := make(Env, 0, len(environ))
	at := make(map[string]int, len(environ))
	for _, kv := range environ {
		name, value, ok := strings.Cut(kv, "=")
		if !ok || name == "" {
			continue
		}
		if i, seen := at[name]; seen {
			env[i].Value = value
			continue
		}
		at[name] = len(env)
		env = append(env, Var{Name: name, Value: value})
	}
	return env
}

// Get returns the value of name and whether it is set.
func (e Env) Get(name string) (string, bool) {
	for i := range e {
		if e[i].Name == name {
			return e[i].Value, true
		}
	}
	return "", false
}

// Set gives name a value, in its old place or at the end.
func (e *Env) Set(name, value string) { e.put(Var{Name: name, Value: value}) }

func (e *Env) put(v Var) {
	for i := range *e {
		if (*e)[i].Name == v.Name {
			(*e)[i] = v
			return
		}
	}
	*e = append(*e, v)
}

// Unset removes name.
func (e *Env) Unset(name string) {
	for i := range *e {
		if (*e)[i].Name == name {
			*e = append((*e)[:i], (*e)[i+1:]...)
			return
		}
	}
}

// few are so many pairs of names that comparing them all is cheaper than a map, which would be garbage.
const few = 8192

// Merge sets every variable of over, in over's order.
func (e *Env) Merge(over Env) {
	*e = slices.Grow(*e, len(over))
	if len(*e)*len(over) <= few {
		for _, v := range over {
			e.put(v)
		}
		return
	}
	at := make(map[string]int, len(*e))
	for i := range *e {
		at[(*e)[i].Name] = i
	}
	for _, v := range over {
		if i, ok := at[v.Name]; ok {
			(*e)[i] = v
			continue
		}
		at[v.Name] = len(*e)
		*e = append(*e, v)
	}
}

// Clone returns a copy that shares nothing with e.
func (e Env) Clone() Env { return append(Env(nil), e...) }

// Environ returns "K=V" strings for execve(2). They share one piece of memory.
func (e Env) Environ() []string {
	size := 0
	for i := range e {
		size += len(e[i].Name) + 1 + len(e[i].Value)
	}
	var all strings.Builder
	all.Grow(size)
	out := make([]string, len(e))
	for i := range e {
		from := all.Len()
		all.WriteString(e[i].Name)
		all.WriteByte('=')
		all.WriteString(e[i].Value)
		out[i] = all.String()[from:]
	}
	return out
}

// MarshalJSON writes an object with the variables in order.
func (e Env) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, v := range e {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(v.Name)
		if err != nil {
			return nil, err
		}
		value := []byte(v.Value)
		if !v.Bare || !json.Valid(value) {
			if value, err = json.Marshal(v.Value); err != nil {
				return nil, err
			}
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// UnmarshalJSON reads an object of strings, keeping its order. Numbers and booleans become their text, and bare; null is
// dropped, and objects and arrays become their JSON, as PM2 stringifies what people put into "env".
func (e *Env) UnmarshalJSON(data []byte) error {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	tok, err := dec.Token()
	if err != nil {
		return err
	}
	if tok == nil {
		*e = nil
		return nil
	}
	if tok != json.Delim('{') {
		return fmt.Errorf("environment is not an object: %.40s", data)
	}
	*e = (*e)[:0]
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return err
		}
		name, _ := tok.(string)
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return err
		}
		var s string
		switch {
		case string(raw) == "null":
			continue
		case len(raw) > 0 && raw[0] == '"':
			if err := json.Unmarshal(raw, &s); err != nil {
				return err
			}
		default:
			s = string(raw)
		}
		bare := raw[0] != '"' && raw[0] != '{' && raw[0] != '['
		e.put(Var{Name: name, Value: s, Bare: bare})
	}
	_, err = dec.Token()
	return err
}
