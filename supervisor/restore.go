package supervisor

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"weaver/app"
	"weaver/supervisor/lifecycle"
)

// Saved is a process as it was written down, by a dump or by a supervisor of old.
type Saved struct {
	Process app.Process // ID, Instance, Spec and the paths; for Resurrect the Spec alone counts
	Up      bool        // it was meant to run
}

// Restore puts back what a former supervisor had, under the same ids, and starts what was meant to run. It returns when
// all are registered; they come up by themselves. It is for a supervisor that has no processes yet.
func (s *Supervisor) Restore(saved []Saved) error {
	for _, v := range saved {
		k, err := s.reg.restore(v.Process, v.Up)
		if err != nil {
			return err
		}
		if v.Up {
			k.mail.put(tell{in: lifecycle.Start{}, cause: "the supervisor started, and it is wished to run"})
		}
	}
	return nil
}

// Resumed says what Resume found.
type Resumed struct {
	Processes int
	Adopted   int     // children that went on living, and are this supervisor's now
	Again     bool    // the same machine and boot as those of the former supervisor
	Problems  []error // what of the journal makes no sense, and was left out
}

// Resume goes on where a former supervisor stopped, values being what the journal held. Children that live are taken over
// as they are; what happened meanwhile is dealt with as if it happened now. After a boot what was wished is started again.
// left are the descriptors that were kept for this supervisor, by name; they are its own from now on. It returns when all
// are registered, and is for a supervisor that has no processes yet. An error leaves what lives alone.
func (s *Supervisor) Resume(values map[string][]byte, left map[string]int) (Resumed, error) {
	list, problems := readBook(values)
	machine := thisMachine(s.opts.Identity)
	r := Resumed{Processes: len(list), Problems: problems, Again: sameMachine(values, machine)}
	now := s.book.now()
	for i := range list {
		p := &list[i]
		p.state = p.life.state(now)
		if !r.Again {
			p.state = afresh(p.life.state(epoch{time.Unix(0, p.life.Wall), p.life.Boot}), p.life.Wanted, now.now)
		}
	}
	if r.Again && slices.ContainsFunc(list, func(p remembered) bool { return p.intends() }) {
		s.launcher.killUnborn()
	}
	if s.keepsakes != nil && r.Again {
		s.keepsakes.reclaim(values, s.mainsOf(list), left)
	}
	var cluster []byte // of no use without workers
	if r.Again && slices.ContainsFunc(list, func(p remembered) bool { return p.state.Cur.PID > 0 && clusters(p.process.Spec) }) {
		cluster = values[keyCluster]
	}
	if err := s.primary.Inherit(estate(left).claim, cluster); err != nil {
		r.Problems = append(r.Problems, err)
	}
	s.held.inherit(left)
	s.reg.beyond(values)
	keepers, err := s.reg.resume(list)
	if err != nil {
		return r, err
	}
	records, odd := s.operations.resume(values, list, s.book)
	r.Problems = append(r.Problems, odd...)
	s.book.take(values, keepers, append(records, recordOf(keyMachine, machine))...)
	for i, k := range keepers {
		if r.Again {
			n, err := k.takeOver(list[i].life, list[i].exits, left)
			if err != nil {
				return r, err
			}
			r.Adopted += n
		}
		k.mail.put(resumed{})
	}
	s.settleSockets(keepers)
	s.launcher.settleEstate(left, func(id app.ID) *app.Process {
		if k := s.reg.get(id); k != nil && r.Again {
			return k.view.Load()
		}
		return nil
	})
	for _, k := range keepers {
		k.start()
	}
	s.changed()
	return r, nil
}

// mainsOf returns a function that tells the main processes of a former supervisor's children one by one, those too that were not written
// down any more.
func (s *Supervisor) mainsOf(list []remembered) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range list {
			for _, c := range []lifecycle.Child{list[i].state.Cur, list[i].state.Old} {
				pid := c.PID
				if pid == 0 && c.Gen != 0 {
					pid = s.launcher.find(list[i].process.ID, c.Gen)
				}
				if pid > 0 && !yield(pid) {
					return
				}
			}
		}
	}
}

// Holds reports whether a tag is of an incarnation that this supervisor looks after, or of what its user wants left alone.
func (s *Supervisor) Holds(tag string) bool {
	id, gen, ok := s.parseTag(tag)
	k := s.reg.get(id)
	if !ok || k == nil {
		return false
	}
	life := k.life.Load()
	return life.Cur.Gen == gen || life.Old.Gen == gen || !app.IsTrue(k.view.Load().Spec.TreeKill)
}

// Check says what of a journal cannot be understood.
func Check(values map[string][]byte) []error {
	_, problems := readBook(values)
	return problems
}

// intends reports whether a spawn was decided of which no more is known.
func (r *remembered) intends() bool { return r.state.Cur.Gen != 0 && r.state.Cur.PID == 0 }

// afresh is the state of a process of which nothing is left, and which is due if it was wanted.
func afresh(s lifecycle.State, wanted bool, now time.Time) lifecycle.State {
	n := lifecycle.State{Want: s.Want, Restarts: s.Restarts, Born: s.Born, Exit: s.Exit, LastGen: s.LastGen}
	if wanted {
		n.RestartAt = now
	}
	return n
}

// remembered is a process as the journal has it.
type remembered struct {
	process app.Process
	life    lifeRecord
	state   lifecycle.State
	exits   map[uint64]exitRecord // by generation
	specKey string
}

func sameMachine(values map[string][]byte, now machineRecord) bool {
	var then machineRecord
	return json.Unmarshal(values[keyMachine], &then) == nil && then == now
}

// readBook returns the processes that the values tell of, in order of id.
func readBook(values map[string][]byte) (list []remembered, problems []error) {
	specs := map[string]*app.Spec{}
	envs := map[string]app.Env{}
	for key := range values {
		text, ok := strings.CutPrefix(key, keyProcess)
		if !ok {
			continue
		}
		p, err := readProcess(values, text, specs, envs)
		if err != nil {
			problems = append(problems, fmt.Errorf("process %s: %w", text, err))
			continue
		}
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b remembered) int { return cmp.Compare(a.process.ID, b.process.ID) })
	return list, problems
}

func readProcess(values map[string][]byte, text string, specs map[string]*app.Spec, envs map[string]app.Env) (remembered, error) {
	id, err := strconv.Atoi(text)
	if err != nil || id < 0 {
		return remembered{}, fmt.Errorf("%q is no number", text)
	}
	var r processRecord
	if err := json.Unmarshal(values[keyProcess+text], &r); err != nil {
		return remembered{}, err
	}
	spec, err := readSpec(values, r.Spec, specs, envs)
	if err != nil {
		return remembered{}, err
	}
	p := remembered{specKey: r.Spec, exits: map[uint64]exitRecord{}, process: app.Process{
		ID: app.ID(id), Name: spec.Name, Namespace: spec.NamespaceOrDefault(), Instance: r.Instance, Mode: spec.Mode, Spec: spec,
		User: accountOf(spec), Version: spec.Version, UniqueID: r.UniqueID, NodeVersion: r.NodeVersion,
		OutPath: r.OutPath, ErrorPath: r.ErrPath, LogPath: r.LogPath, PIDPath: r.PIDPath,
	}}
	if life, ok := values[keyLife+text]; ok {
		if err := json.Unmarshal(life, &p.life); err != nil {
			return remembered{}, err
		}
		if v := p.life.Version; v != "" {
			p.process.Version = v
		}
	}
	for key, data := range values {
		gen, ok := strings.CutPrefix(key, keyExit+text+"/")
		if !ok {
			continue
		}
		var x exitRecord
		n, err := strconv.ParseUint(gen, 10, 64)
		if err == nil {
			err = json.Unmarshal(data, &x)
		}
		if err != nil {
			return remembered{}, err
		}
		p.exits[n] = x
	}
	return p, nil
}

// readSpec returns the spec of that key; processes and specs share what they had shared.
func readSpec(values map[string][]byte, key string, specs map[string]*app.Spec, envs map[string]app.Env) (*app.Spec, error) {
	if spec := specs[key]; spec != nil {
		return spec, nil
	}
	var r specRecord
	data, ok := values[keySpec+key]
	if !ok {
		return nil, fmt.Errorf("there is no spec %s", key)
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("spec %s: %w", key, err)
	}
	env, ok := envs[r.Env]
	if !ok {
		data, there := values[keyEnv+r.Env]
		if !there {
			return nil, fmt.Errorf("there is no environment %s", r.Env)
		}
		var err error
		if env, err = parseEnv(data); err != nil {
			return nil, err
		}
		envs[r.Env] = env
	}
	r.Spec.Env = env
	specs[key] = &r.Spec
	return &r.Spec, nil
}

// Resurrect starts saved apps whose names have no process, each record as one process, and registers those that were
// stopped. Ids are given anew. report is called as by Start.
func (s *Supervisor) Resurrect(ctx context.Context, saved []Saved, report func(app.Progress)) {
	r := &reporter{report: report}
	defer r.end(s, true)
	plan, err := s.planned(ctx, "resurrect", func() (p operationPart) {
		taken := s.called()
		for i := range saved {
			if len(taken[saved[i].Process.Spec.Name]) == 0 {
				p.Fresh = append(p.Fresh, i)
			}
		}
		return p
	})
	if err != nil {
		r.send(app.Progress{Step: app.StepFailed, ID: -1, Kind: "invalid", Message: err.Error()})
		return
	}
	up := s.raising(r)
	for _, i := range plan.Fresh {
		if i >= len(saved) { // another dump than the first time
			break
		}
		spec := saved[i].Process.Spec
		ctx, added, err := s.made(ctx, spec.Name, func(c claim) ([]*keeper, error) { return s.reg.add(spec, 1, saved[i].Up, c) })
		if err != nil {
			r.send(app.Progress{Step: app.StepFailed, ID: -1, Name: spec.Name, Kind: "unavailable", Message: err.Error()})
			return
		}
		restored := func() {
			r.send(app.Progress{Step: app.StepInfo, ID: added[0].id, Name: spec.Name, Message: "Process " + spec.Script + " restored"})
		}
		if !saved[i].Up {
			restored()
			continue
		}
		up.all(ctx, added, false, restored)
	}
	up.wait()
}
