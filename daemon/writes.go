package daemon

import (
	"net/http"
	"os"
	"slices"

	"weaver/api"
	"weaver/app"
	"weaver/config"
	"weaver/supervisor"
)

func (d *daemon) start(w http.ResponseWriter, r *http.Request) error {
	var req api.StartRequest
	if err := read(r, &req); err != nil {
		return err
	}
	if err := req.Unpack(); err != nil {
		return err
	}
	op := d.operation(r, "start")
	defer op.end()
	for i := range req.Specs {
		op.target(req.Specs[i].Name)
		d.name(&req.Specs[i])
	}
	d.sup.Start(op.ctx, req.Specs, supervisor.StartOptions{
		IfExists: req.IfExists, File: req.File, Parallel: req.Parallel, Detach: req.Detach,
	}, op.progress(w))
	return nil
}

func (d *daemon) act(w http.ResponseWriter, r *http.Request) error {
	var req api.ActRequest
	if err := read(r, &req); err != nil {
		return err
	}
	if err := d.need(r, needOfAct(&req), string(req.Verb), targetsOf(req.Targets)...); err != nil {
		return err
	}
	op := d.operation(r, string(req.Verb), targetsOf(req.Targets)...)
	defer op.end()
	d.sup.Do(op.ctx, supervisor.Action{
		Verb: req.Verb, Targets: req.Targets, Cwd: req.Cwd, Specs: req.Specs, Signal: req.Signal, Parallel: req.Parallel,
		KillTimeout: req.KillTimeout.D(), KillNow: req.KillNow, Detach: req.Detach,
	}, op.progress(w))
	return nil
}

func (d *daemon) scale(w http.ResponseWriter, r *http.Request) error {
	var req api.ScaleRequest
	if err := read(r, &req); err != nil {
		return err
	}
	op := d.operation(r, "scale", req.Name)
	defer op.end()
	d.sup.Scale(op.ctx, req.Name, req.N, req.Relative, op.progress(w))
	return nil
}

// take goes on with processes that another supervisor had.
func (d *daemon) take(w http.ResponseWriter, r *http.Request) error {
	var req api.TakeRequest
	if err := read(r, &req); err != nil {
		return err
	}
	saved := make([]supervisor.Saved, len(req.Processes))
	names := make([]string, len(req.Processes))
	for i := range req.Processes {
		p := &req.Processes[i]
		names[i] = p.Spec.Name
		saved[i] = supervisor.Saved{Up: p.Up, Process: app.Process{ID: p.ID, Spec: &p.Spec, Name: p.Spec.Name}}
	}
	op := d.operation(r, "take", names...)
	defer op.end()
	d.sup.Take(op.ctx, saved, op.progress(w))
	return nil
}

// kill ends every service for good, then the daemon.
func (d *daemon) kill(w http.ResponseWriter, r *http.Request) error {
	op := d.operation(r, "kill")
	defer op.end()
	report := op.progress(w)
	err := d.sup.Shutdown(op.ctx, true, report)
	end := app.Progress{Step: app.StepEnd, ID: -1}
	if err != nil {
		report(app.Progress{Step: app.StepFailed, ID: -1, Kind: string(api.Failed), Message: err.Error()})
		end.Failures = 1
	}
	report(end)
	d.stop()
	return nil
}

func (d *daemon) save(w http.ResponseWriter, r *http.Request) error {
	var req api.SaveRequest
	if err := read(r, &req); err != nil {
		return err
	}
	op := d.operation(r, "save")
	defer op.end()
	list := slices.DeleteFunc(d.sup.List(), func(p app.Process) bool { return p.Spec != nil && p.Spec.Module })
	res := api.SaveResult{Path: d.home.Dump(), Count: len(list)}
	if len(list) == 0 && !req.Force {
		res.Skipped = true
		if err := d.dump.createEmpty(); err != nil {
			return op.failed(err)
		}
		return op.answer(w, res)
	}
	if err := d.dump.save(list); err != nil {
		return op.failed(err)
	}
	return op.answer(w, res)
}

func (d *daemon) clearDump(w http.ResponseWriter, r *http.Request) error {
	op := d.operation(r, "cleardump")
	defer op.end()
	if err := d.dump.clear(); err != nil {
		return op.failed(err)
	}
	return op.answer(w, struct{}{})
}

// resurrect starts what was saved and has no process of its name.
func (d *daemon) resurrect(w http.ResponseWriter, r *http.Request) error {
	op := d.operation(r, "resurrect")
	defer op.end()
	report := op.progress(w)
	records, from, err := d.dump.load()
	if err != nil {
		report(app.Progress{Step: app.StepWarn, ID: -1, Message: err.Error()})
	}
	if from == "" {
		report(app.Progress{Step: app.StepWarn, ID: -1, Message: "No processes saved; DUMP file doesn't exist"})
	}
	d.sup.Resurrect(op.ctx, saved(records), report)
	return nil
}

// files returns the log files of the processes that the targets mean, each once.
func (d *daemon) files(targets []app.Selector) ([]string, error) {
	list, err := d.selected(targets, "")
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{"": true, os.DevNull: true, "NULL": true}
	var files []string
	for i := range list {
		for _, f := range []string{list[i].OutPath, list[i].ErrorPath, list[i].LogPath} {
			if !seen[f] {
				seen[f] = true
				files = append(files, f)
			}
		}
	}
	return files, nil
}

func (d *daemon) flush(w http.ResponseWriter, r *http.Request) error {
	return d.onFiles(w, r, "flush", func(path string) (string, error) { return path, d.logs.Truncate(path) })
}

func (d *daemon) rotate(w http.ResponseWriter, r *http.Request) error {
	return d.onFiles(w, r, "rotate", d.logs.Rotate)
}

func (d *daemon) onFiles(w http.ResponseWriter, r *http.Request, act string, do func(string) (string, error)) error {
	var req api.TargetRequest
	if err := read(r, &req); err != nil {
		return err
	}
	op := d.operation(r, act, targetsOf(req.Targets)...)
	defer op.end()
	files, err := d.files(req.Targets)
	if err != nil {
		return op.failed(err)
	}
	var res api.FlushResult
	for _, f := range files {
		done, err := d.sup.Once(op.ctx, act+" "+f, func() (string, error) { return do(f) })
		if err != nil {
			res.Failed = append(res.Failed, op.failed(err).Error())
		} else {
			res.Files = append(res.Files, done)
		}
	}
	return op.answer(w, res)
}

func (d *daemon) reloadLogs(w http.ResponseWriter, r *http.Request) error {
	op := d.operation(r, "reloadLogs")
	defer op.end()
	if err := d.reopen(); err != nil {
		return op.failed(err)
	}
	return op.answer(w, struct{}{})
}

// hint finds the name that was probably meant.
func (d *daemon) hint(target string) string {
	var names []string
	for _, p := range d.sup.Look() {
		names = append(names, p.Name)
	}
	if near := config.Nearest(target, names); near != "" {
		return "did you mean " + near + "?"
	}
	return ""
}

// hinted adds what was probably meant to the news that a name is unknown.
func (d *daemon) hinted(p app.Progress) app.Progress {
	if p.Step == app.StepFailed && p.Kind == string(api.NotFound) && p.Hint == "" && p.Target != "" {
		p.Hint = d.hint(p.Target)
	}
	return p
}
