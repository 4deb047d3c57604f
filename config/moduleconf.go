package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"weaver/app"
	"weaver/config/home"

	"weaver/config/source"
)

// ModuleConf is PM2's module_conf.json: texts by name, and by section and name. It keeps their order, and whatever else
// stands in the file.
type ModuleConf struct{ root object }

// Setting is one value of a ModuleConf. Section is "" at the top.
type Setting struct{ Section, Key, Value string }

// LoadModuleConf reads the file of a home. A missing one is empty.
func LoadModuleConf(h home.Home) (ModuleConf, error) {
	data, err := source.Read(h.ModuleConf())
	if errors.Is(err, fs.ErrNotExist) {
		return ModuleConf{}, nil
	}
	if err != nil {
		return ModuleConf{}, fmt.Errorf("read the settings of modules: %w", err)
	}
	return ParseModuleConf(h.ModuleConf(), data)
}

// ParseModuleConf reads the text of one.
func ParseModuleConf(file string, data []byte) (ModuleConf, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return ModuleConf{}, nil
	}
	tree, err := parseJSONish(file, data)
	if err != nil {
		return ModuleConf{}, fmt.Errorf("read the settings of modules: %w", err)
	}
	root, ok := tree.(object)
	if !ok {
		return ModuleConf{}, fmt.Errorf("read the settings of modules: %s: want an object", file)
	}
	return ModuleConf{root}, nil
}

// SaveModuleConf writes it, atomically, as PM2 does: with four blanks.
func SaveModuleConf(h home.Home, m ModuleConf) error {
	data, err := m.JSON()
	if err != nil {
		return err
	}
	if err := replace(h.ModuleConf(), data); err != nil {
		return fmt.Errorf("write the settings of modules: %w", err)
	}
	return nil
}

// JSON is what stands in the file.
func (m ModuleConf) JSON() ([]byte, error) {
	var b bytes.Buffer
	if err := json.Indent(&b, raw(m.root), "", "    "); err != nil {
		return nil, fmt.Errorf("write the settings of modules: %w", err)
	}
	return b.Bytes(), nil
}

// SplitKey splits "section:key" and "section.key"; section is "" for a plain name.
func SplitKey(name string) (section, key string) {
	i := strings.IndexAny(name, ":.")
	if i <= 0 || i == len(name)-1 {
		return "", name
	}
	return name[:i], name[i+1:]
}

// Set gives a setting a value.
func (m *ModuleConf) Set(section, key, value string) error {
	for _, word := range []string{section, key} {
		if len(word) > 255 || strings.ContainsAny(word, "\x00\n\r") {
			return fmt.Errorf("set %s: not a name of at most 255 bytes", clip(word))
		}
	}
	if key == "" || len(value) > 64<<10 {
		return errors.New("set: not a name with a value of at most 64 KB")
	}
	if section == "" {
		m.root.set(key, value)
		return nil
	}
	inner, _ := m.root.get(section)
	o, _ := inner.(object) // a text of that name gives way, as in PM2
	o = append(object(nil), o...)
	o.set(key, value)
	m.root.set(section, o)
	return nil
}

// Get returns a setting.
func (m ModuleConf) Get(section, key string) (string, bool) {
	o := m.root
	if section != "" {
		inner, _ := m.root.get(section)
		o, _ = inner.(object)
	}
	v, ok := o.get(key)
	if _, nested := v.(object); !ok || nested {
		return "", false
	}
	return text(v), true
}

// Unset takes a setting away, or a whole section, and reports whether there was one.
func (m *ModuleConf) Unset(section, key string) bool {
	if section == "" {
		return m.root.remove(key)
	}
	inner, _ := m.root.get(section)
	o, ok := inner.(object)
	if !ok {
		return false
	}
	o = append(object(nil), o...)
	if !o.remove(key) {
		return false
	}
	m.root.set(section, o)
	return true
}

// Clear takes everything away.
func (m *ModuleConf) Clear() { m.root = nil }

// Section returns the settings of one section, and whether there is one.
func (m ModuleConf) Section(name string) ([]Setting, bool) {
	inner, ok := m.root.get(name)
	o, isObject := inner.(object)
	if !ok || !isObject {
		return nil, false
	}
	out := make([]Setting, 0, len(o))
	for _, s := range o {
		if _, nested := s.val.(object); !nested {
			out = append(out, Setting{name, s.key, text(s.val)})
		}
	}
	return out, true
}

// Sections are the names of all sections, without those in which PM2 keeps what it installed.
func (m ModuleConf) Sections() []string {
	var out []string
	for _, s := range m.root {
		if _, ok := s.val.(object); ok && s.key != moduleDB && s.key != tarDB {
			out = append(out, s.key)
		}
	}
	return out
}

// Env is what an app finds in its environment of the settings under its name: each, and all of them as JSON under the name
// itself. ok is false if there are none.
func (m ModuleConf) Env(name string) (env app.Env, ok bool) {
	settings, ok := m.Section(name)
	if !ok {
		return nil, false
	}
	for _, s := range settings {
		if !strings.ContainsAny(s.Key, "=\x00") && !strings.ContainsRune(s.Value, 0) {
			env.Set(s.Key, s.Value)
		}
	}
	inner, _ := m.root.get(name)
	env.Set(name, string(raw(inner)))
	return env, true
}

// Untold reports that env, which an app of that name has, is not what its settings are now.
func (m ModuleConf) Untold(name string, env app.Env) bool {
	now, set := m.root.get(name)
	then, told := told(name, env)
	if section, isObject := now.(object); set && isObject {
		return !told || then != string(raw(section))
	}
	return told && len(then) > len("{}")
}

// Tell brings the environment of an app of that name up to its settings of now: what is not set any more goes.
func (m ModuleConf) Tell(name string, env *app.Env) {
	if text, ok := told(name, *env); ok {
		var before map[string]json.RawMessage
		if json.Unmarshal([]byte(text), &before) == nil {
			for key := range before {
				env.Unset(key)
			}
			env.Unset(name)
		}
	}
	if now, ok := m.Env(name); ok {
		env.Merge(now)
	}
}

// told is what an app was told of its settings the last time, as JSON.
func told(name string, env app.Env) (string, bool) {
	text, ok := env.Get(name)
	return text, ok && strings.HasPrefix(text, "{")
}

// The sections in which PM2 keeps what it installed.
const (
	moduleDB = "module-db-v2"
	tarDB    = "tar-modules"
)

// Modules are the names of the modules that are installed.
func (m ModuleConf) Modules() []string {
	inner, _ := m.root.get(moduleDB)
	o, _ := inner.(object)
	out := make([]string, len(o))
	for i := range o {
		out[i] = o[i].key
	}
	return out
}

// Register notes that a module is installed; Unregister that it is not, and reports whether it was. Its settings stay.
func (m *ModuleConf) Register(name string) {
	inner, _ := m.root.get(moduleDB)
	o, _ := inner.(object)
	o = append(object(nil), o...)
	if _, known := o.get(name); !known {
		o.set(name, object{})
	}
	m.root.set(moduleDB, o)
}

// Unregister notes that a module is not installed any more.
func (m *ModuleConf) Unregister(name string) bool {
	inner, _ := m.root.get(moduleDB)
	o, _ := inner.(object)
	o = append(object(nil), o...)
	if !o.remove(name) {
		return false
	}
	m.root.set(moduleDB, o)
	return true
}

// Default gives a setting a value unless it has one.
func (m *ModuleConf) Default(section, key, value string) error {
	if _, ok := m.Get(section, key); ok {
		return nil
	}
	return m.Set(section, key, value)
}

func (o *object) remove(key string) bool {
	for i := range *o {
		if (*o)[i].key == key {
			*o = append(append(object(nil), (*o)[:i]...), (*o)[i+1:]...)
			return true
		}
	}
	return false
}
