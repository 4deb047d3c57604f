package app

import "encoding/json"

// Reported is what a program told of itself in messages over its IPC channel. It ends with the incarnation.
type Reported struct {
	// Actions are what can be triggered in it, each as it was announced: {"action_name":…,"action_type":…,"arity":…}.
	Actions []json.RawMessage `json:"actions,omitempty"`
	// Metrics are its own figures, in the order of their first appearance: {"value":…,"unit":…,"type":…,"historic":…} each.
	Metrics []Field `json:"metrics,omitempty"`
	// Options describe its instrumentation.
	Options []Field `json:"options,omitempty"`
	// NodeVersion is that of its runtime, if it said so.
	NodeVersion string `json:"node_version,omitempty"`
	// MeasuredPID is the process whose CPU and memory count instead of the main process's; 0 is none.
	MeasuredPID int `json:"measured_pid,omitempty"`
}

// Field is one member of an ordered object.
type Field struct {
	Key   string          `json:"key"`
	Value json.RawMessage `json:"value"`
}
