package app

import (
	"maps"
	"slices"
)

// ConfigSource is the file that a spec is from, where it is to be applied again when it changes, and what is needed to read
// it as the command did that started the service: its directory, its flags, its environment.
type ConfigSource struct {
	File string `json:"file"` // absolute
	Sum  string `json:"sum"`  // of what was in it, hexadecimal SHA-256
	Dir  string `json:"dir"`
	// Flags are the words that win over the file.
	Flags []string `json:"flags,omitempty"`
	// Replaced and Added tell the environment of the command from that of the service.
	Replaced map[string]string `json:"replaced,omitempty"`
	Added    []string          `json:"added,omitempty"`
}

// Leave notes how command, the environment of the command, became service, that of the service.
func (s *ConfigSource) Leave(command, service Env) {
	s.Replaced, s.Added = map[string]string{}, nil
	was := make(map[string]string, len(command))
	for i := range command {
		was[command[i].Name] = command[i].Value
	}
	for i := range service {
		name := service[i].Name
		value, had := was[name]
		switch {
		case !had:
			s.Added = append(s.Added, name)
		case value != service[i].Value:
			s.Replaced[name] = value
		}
		delete(was, name)
	}
	maps.Copy(s.Replaced, was) // what the service was not given
}

// Return is the environment of the command, from that of the service.
func (s *ConfigSource) Return(service Env) Env {
	env := service.Clone()
	for _, name := range s.Added {
		env.Unset(name)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Replaced)) {
		env.Set(name, s.Replaced[name])
	}
	return env
}
