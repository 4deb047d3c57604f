package daemon

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"weaver/app"
)

// stateFormat is the version of the desired list's file. A reader takes it and all before it.
const stateFormat = 1

// record is one process of the desired list, as it is kept on disk.
type record struct {
	ID       app.ID    `json:"id"`
	Instance int       `json:"instance"`
	Up       bool      `json:"up"` // wished to run
	Restarts int       `json:"restarts"`
	Created  time.Time `json:"created,omitzero"`
	UniqueID string    `json:"unique_id,omitempty"`
	PIDPath  string    `json:"pid_path,omitempty"`
	OutPath  string    `json:"out_path,omitempty"`
	ErrPath  string    `json:"error_path,omitempty"`
	LogPath  string    `json:"log_path,omitempty"`
	// Spec is an index into the state's specs: instances share one.
	Spec int `json:"spec"`
}

// state is the desired list.
type state struct {
	Format  int        `json:"format"`
	Written time.Time  `json:"written"`
	Specs   []app.Spec `json:"specs"`
	// The specs' environments are kept apart, those that are shared once: Envs[EnvOf[i]] is that of Specs[i].
	Envs    []app.Env `json:"envs"`
	EnvOf   []int     `json:"env_of"`
	Records []record  `json:"records"`
}

// store keeps the desired list on disk: every change is there before success is reported. Writers that come at the same
// time share one write.
type store struct {
	file generations

	mu      sync.Mutex
	writing bool
	waiting []chan error // for the next write
	list    func() []app.Process
	wishes  func() uint64 // changes when the list does
	failed  error
	written uint64 // wishes as of what is on disk: an unchanged list costs no disk
}

// write has the list that is current when it begins written, and returns when it is on disk.
func (s *store) write() error {
	done := make(chan error, 1)
	s.mu.Lock()
	s.waiting = append(s.waiting, done)
	if s.writing {
		s.mu.Unlock()
		return <-done
	}
	s.writing = true
	for len(s.waiting) > 0 {
		batch := s.waiting
		s.waiting = nil
		s.mu.Unlock()
		err := s.writeOnce()
		for _, c := range batch {
			c <- err
		}
		s.mu.Lock()
		s.failed = err
	}
	s.writing = false
	s.mu.Unlock()
	return <-done
}

// problem is why the list on disk is not the current one, or nil.
func (s *store) problem() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

func (s *store) writeOnce() error {
	wishes := s.wishes() // before the list: a change in between is written once more
	if wishes == s.written {
		return nil
	}
	data, err := json.Marshal(stateOf(s.list()))
	if err != nil {
		return fmt.Errorf("encode the list of processes: %w", err)
	}
	if err := s.file.write(seal(data)); err != nil {
		return err
	}
	s.written = wishes
	return nil
}

// stateOf is the desired list of processes. It holds nothing that changes without somebody asking for it, but what an
// operator sees: restarts since then are lost with the supervisor.
func stateOf(list []app.Process) state {
	st := state{Format: stateFormat, Specs: []app.Spec{}, Envs: []app.Env{}, EnvOf: []int{}, Records: []record{}}
	at := map[*app.Spec]int{}
	envs := map[*app.Var]int{}
	for i := range list {
		p := &list[i]
		n, ok := at[p.Spec]
		if !ok {
			n = len(st.Specs)
			at[p.Spec] = n
			spec := *p.Spec
			st.EnvOf = append(st.EnvOf, st.env(spec.Env, envs))
			spec.Env = nil
			st.Specs = append(st.Specs, spec)
		}
		st.Records = append(st.Records, record{
			ID: p.ID, Instance: p.Instance, Up: p.Wanted, Created: p.Created, UniqueID: p.UniqueID,
			PIDPath: p.PIDPath, OutPath: p.OutPath, ErrPath: p.ErrorPath, LogPath: p.LogPath, Spec: n,
		})
	}
	return st
}

// env returns the place of an environment among those kept, where it is put unless the same one is there.
func (st *state) env(env app.Env, at map[*app.Var]int) int {
	if len(env) > 0 {
		if n, ok := at[&env[0]]; ok && len(st.Envs[n]) == len(env) {
			return n
		}
		at[&env[0]] = len(st.Envs)
	}
	st.Envs = append(st.Envs, env)
	return len(st.Envs) - 1
}

// join gives the specs their environments back.
func (st *state) join() error {
	if len(st.EnvOf) != len(st.Specs) {
		return fmt.Errorf("%d environments for %d specs", len(st.EnvOf), len(st.Specs))
	}
	for i, n := range st.EnvOf {
		if n < 0 || n >= len(st.Envs) {
			return fmt.Errorf("spec %d has no environment", i)
		}
		st.Specs[i].Env = slices.Clip(st.Envs[n])
	}
	return nil
}

// load returns the newest list that is whole, and which file it is from; "" if there never was one. The error tells what
// was wrong with newer ones.
func (s *store) load() (state, string, error) {
	var st state
	from, err := s.file.read(func(data []byte) error {
		body, err := unseal(data)
		if err != nil {
			return err
		}
		st = state{}
		if err := json.Unmarshal(body, &st); err != nil {
			return err
		}
		if st.Format > stateFormat {
			return fmt.Errorf("format %d is newer than this weaver understands (%d)", st.Format, stateFormat)
		}
		if err := st.join(); err != nil {
			return err
		}
		for _, r := range st.Records {
			if r.Spec < 0 || r.Spec >= len(st.Specs) {
				return fmt.Errorf("process %d has no spec", r.ID)
			}
		}
		return nil
	})
	if from == "" {
		st = state{}
	}
	return st, from, err
}

// seal puts a line before data that says how long it is and what it hashes to.
func seal(data []byte) []byte {
	sum := sha256.Sum256(data)
	head := "weaver-state " + strconv.Itoa(stateFormat) + " sha256:" + hex.EncodeToString(sum[:]) + " " + strconv.Itoa(len(data)) + "\n"
	return append([]byte(head), data...)
}

// unseal checks that line and returns what follows.
func unseal(data []byte) ([]byte, error) {
	head, body, ok := bytes.Cut(data, []byte("\n"))
	fields := bytes.Fields(head)
	if !ok || len(fields) != 4 || string(fields[0]) != "weaver-state" {
		return nil, errors.New("not a state file of weaver")
	}
	n, err := strconv.Atoi(string(fields[3]))
	if err != nil || n != len(body) {
		return nil, fmt.Errorf("truncated: %d bytes of %s", len(body), fields[3])
	}
	sum := sha256.Sum256(body)
	if "sha256:"+hex.EncodeToString(sum[:]) != string(fields[2]) {
		return nil, errors.New("corrupt: the checksum does not match")
	}
	return body, nil
}
