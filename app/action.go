package app

// Verb is something done to processes that exist.
type Verb string

// The verbs.
const (
	VerbStart   Verb = "start"
	VerbStop    Verb = "stop"
	VerbRestart Verb = "restart"
	VerbReload  Verb = "reload"
	VerbDelete  Verb = "delete"
	VerbReset   Verb = "reset"
	VerbSignal  Verb = "signal"
)

// Step says what a Progress reports.
type Step string

// The steps of an operation, in the order in which they can come.
const (
	StepApplying Step = "applying" // Verb is about to be applied to IDs, which Target means
	StepStarting Step = "starting" // a new app is about to be started: Process.Spec says which
	StepOK       Step = "ok"       // it is done for the process ID
	StepLaunched Step = "launched" // a new app runs; Count instances
	StepInfo     Step = "info"     // Message
	StepWarn     Step = "warn"     // Message; the operation goes on
	StepFailed   Step = "failed"   // Message (and Hint); for ID, or for Target as a whole when ID is negative
	StepEnd      Step = "end"      // the last one; Failures counts StepFailed
)

// IfExists says what a start does with an app whose name is taken.
type IfExists string

// The choices.
const (
	Refuse    IfExists = ""          // the same script under the same name: running, an error; not running, start it
	Restart   IfExists = "restart"   // give it the new spec and restart it (config files)
	Reload    IfExists = "reload"    // the same, without downtime where that can be
	Duplicate IfExists = "duplicate" // another one of the same name (--force)
)

// Progress is one line of what an operation has to say while it runs.
type Progress struct {
	Step     Step     `json:"step"`
	Op       string   `json:"op,omitempty"` // the operation's id
	Verb     Verb     `json:"verb,omitempty"`
	Target   string   `json:"target,omitempty"` // as it was written
	IDs      []ID     `json:"ids,omitempty"`
	ID       ID       `json:"id"`
	Name     string   `json:"name,omitempty"`
	Count    int      `json:"count,omitempty"` // of instances launched; of the processes that the target means, done so far
	Process  *Process `json:"process,omitempty"`
	Kind     string   `json:"kind,omitempty"` // of a failure: "not_found", "conflict", "invalid", "failed", …
	Message  string   `json:"message,omitempty"`
	Hint     string   `json:"hint,omitempty"`
	Failures int      `json:"failures,omitempty"`
}
