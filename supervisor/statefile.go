package supervisor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"weaver/app"
	"weaver/supervisor/lifecycle"
)

// record is what a state file holds: all processes of one name.
type record struct {
	Name      string        `json:"name"`
	Written   time.Time     `json:"written"`
	Processes []app.Process `json:"processes"`
}

// WriteState writes the record of a service to a file, whole.
func (s *Supervisor) WriteState(name, path string) error {
	r := record{Name: name, Written: time.Now()}
	for _, p := range s.List() {
		if p.Name != name {
			continue
		}
		if p.Spec != nil { // what a program was told in confidence is not for a file that others may read
			spec := *p.Spec
			spec.Env, spec.WatchConfig = nil, nil
			p.Spec = &spec
		}
		r.Processes = append(r.Processes, p)
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("write the state of %s: %w", name, err)
	}
	s.stateFiles.Lock()
	defer s.stateFiles.Unlock()
	if err := replace(path, bytes.NewReader(append(data, '\n')), owner{mode: 0o600}); err != nil {
		return fmt.Errorf("write the state of %s: %w", name, err)
	}
	return nil
}

// keepState writes the state file, if the app has one, when something begins or is about to end.
func (k *keeper) keepState(w lifecycle.What) {
	path := k.proc.Spec.StateFile
	if path == "" {
		return
	}
	switch w {
	case lifecycle.WhatOnline, lifecycle.WhatStopping, lifecycle.WhatRestarting, lifecycle.WhatStopped, lifecycle.WhatErrored:
		k.fail("state file", k.sup.WriteState(k.proc.Name, path))
	}
}
