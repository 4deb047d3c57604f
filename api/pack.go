package api

import (
	"fmt"
	"slices"

	"weaver/app"
)

// pack moves the environments out of the specs, those that are equal only once: the apps of a file have the caller's
// environment in common, which is most of the bytes. The caller's specs are left as they are.
func (r StartRequest) pack() StartRequest {
	r.Specs = slices.Clone(r.Specs)
	r.Envs, r.EnvOf = nil, make([]int, len(r.Specs))
	for i := range r.Specs {
		env := r.Specs[i].Env
		at := slices.IndexFunc(r.Envs, func(e app.Env) bool { return slices.Equal(e, env) })
		if at < 0 {
			at = len(r.Envs)
			r.Envs = append(r.Envs, env)
		}
		r.EnvOf[i], r.Specs[i].Env = at, nil
	}
	return r
}

// Unpack undoes what the client did to a request for the wire. Specs whose environments are equal share one, and equal
// strings are one string: a thousand apps cost little more than one.
func (r *StartRequest) Unpack() error {
	if len(r.EnvOf) == 0 {
		return nil
	}
	if len(r.EnvOf) != len(r.Specs) {
		return &Error{Kind: Invalid, Message: fmt.Sprintf("%d environments for %d specs", len(r.EnvOf), len(r.Specs))}
	}
	one := map[string]string{}
	intern := func(s *string) {
		if have, ok := one[*s]; ok {
			*s = have
			return
		}
		one[*s] = *s
	}
	for _, e := range r.Envs {
		for i := range e {
			intern(&e[i].Name)
			intern(&e[i].Value)
		}
	}
	for i, at := range r.EnvOf {
		if at < 0 || at >= len(r.Envs) {
			return &Error{Kind: Invalid, Message: fmt.Sprintf("spec %d has environment %d of %d", i, at, len(r.Envs))}
		}
		s := &r.Specs[i]
		s.Env = slices.Clip(r.Envs[at]) // shared: who appends gets a copy
		intern(&s.Cwd)
		intern(&s.Interpreter)
		intern(&s.Script)
		intern(&s.Username)
		intern(&s.Version)
	}
	r.Envs, r.EnvOf = nil, nil
	return nil
}
