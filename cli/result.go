package cli

import "weaver/app"

// jsonResult is one thing that an operation did.
type jsonResult struct {
	ID    app.ID `json:"id"`
	Name  string `json:"name"`
	Count int    `json:"count,omitempty"` // instances launched
}

// jsonFailure is one thing that it could not do.
type jsonFailure struct {
	Target  string `json:"target,omitempty"`
	ID      app.ID `json:"id"`
	Name    string `json:"name,omitempty"`
	Kind    string `json:"kind,omitempty"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// jsonOutcome is what a mutating command prints with --json.
type jsonOutcome struct {
	OK        bool          `json:"ok"`
	Done      []jsonResult  `json:"done"`
	Failed    []jsonFailure `json:"failed,omitempty"`
	Warnings  []string      `json:"warnings,omitempty"`
	Processes []app.Process `json:"processes"`
}

func (o *output) outcome(list []app.Process) jsonOutcome {
	out := jsonOutcome{OK: len(o.failed) == 0, Done: o.done, Failed: o.failed, Warnings: o.warned, Processes: list}
	if out.Done == nil {
		out.Done = []jsonResult{}
	}
	if out.Processes == nil {
		out.Processes = []app.Process{}
	}
	return out
}
