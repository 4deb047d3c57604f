package daemon

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"weaver/app"
	"weaver/config/home"
	"weaver/supervisor"
)

// The first weavers kept the list of processes in one file, written anew at each change. It is read once, by the first
// start of a weaver that has a journal.

// oldFormat is the newest version of that file.
const oldFormat = 1

// oldRecord is one process of the list.
type oldRecord struct {
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
	Spec     int       `json:"spec"` // an index into the list's specs
}

// oldState is the list.
type oldState struct {
	Format  int         `json:"format"`
	Written time.Time   `json:"written"`
	Specs   []app.Spec  `json:"specs"`
	Envs    []app.Env   `json:"envs"`   // the specs' environments, those that are shared once:
	EnvOf   []int       `json:"env_of"` // Envs[EnvOf[i]] is that of Specs[i]
	Records []oldRecord `json:"records"`
}

// oldFiles are the file and its generations, newest first.
func oldFiles(h home.Home) generations {
	path := h.State()
	return generations{path: path, old: []string{path + ".1", path + ".2", path + ".3"}, fs: disk{}}
}

// readOldState returns the newest list that is whole, and which file it is from; "" if there is none. The error tells what
// was wrong with newer ones.
func readOldState(file generations) (list []supervisor.Saved, from string, err error) {
	var st oldState
	from, err = file.read(func(data []byte) error {
		body, err := unseal(data)
		if err != nil {
			return err
		}
		st = oldState{}
		if err := json.Unmarshal(body, &st); err != nil {
			return err
		}
		return st.join()
	})
	if from == "" {
		return nil, "", err
	}
	return st.saved(), from, err
}

// join gives the specs their environments back.
func (st *oldState) join() error {
	if st.Format > oldFormat {
		return fmt.Errorf("format %d is newer than this weaver understands (%d)", st.Format, oldFormat)
	}
	if len(st.EnvOf) != len(st.Specs) {
		return fmt.Errorf("%d environments for %d specs", len(st.EnvOf), len(st.Specs))
	}
	for i, n := range st.EnvOf {
		if n < 0 || n >= len(st.Envs) {
			return fmt.Errorf("spec %d has no environment", i)
		}
		st.Specs[i].Env = slices.Clip(st.Envs[n])
	}
	for _, r := range st.Records {
		if r.Spec < 0 || r.Spec >= len(st.Specs) {
			return fmt.Errorf("process %d has no spec", r.ID)
		}
	}
	return nil
}

func (st *oldState) saved() []supervisor.Saved {
	list := make([]supervisor.Saved, len(st.Records))
	for i, r := range st.Records {
		if r.Up {
			r.Restarts++ // it is started again, whoever's fault that is
		}
		spec := &st.Specs[r.Spec]
		list[i] = supervisor.Saved{Up: r.Up, Process: app.Process{
			ID: r.ID, Name: spec.Name, Namespace: spec.NamespaceOrDefault(), Instance: r.Instance, Mode: spec.Mode, Spec: spec,
			User: spec.Username, Version: spec.Version, Created: r.Created, Restarts: r.Restarts, UniqueID: r.UniqueID,
			OutPath: r.OutPath, ErrorPath: r.ErrPath, LogPath: r.LogPath, PIDPath: r.PIDPath,
		}}
	}
	return list
}

// removeOldState takes the files away, once what they said is in the journal. The newest is kept under another name.
func removeOldState(file generations) error {
	err := os.Rename(file.path, file.path+".imported")
	for _, path := range file.old {
		if rerr := os.Remove(path); !isMissing(rerr) {
			err = errors.Join(err, rerr)
		}
	}
	if isMissing(err) {
		return nil
	}
	return err
}

// unseal checks the line before the data that says how long it is and what it hashes to, and returns the data.
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
