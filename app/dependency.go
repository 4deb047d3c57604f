package app

import (
	"fmt"
	"strings"
)

// Dependency is an app that must be in some condition before a process of another app is spawned.
type Dependency struct {
	Name      string    `json:"name"`
	Condition Condition `json:"condition,omitempty"` // Ready when empty
	// Timeout is how long to wait before the dependency counts as failed; 0 is for ever.
	Timeout Duration `json:"timeout,omitempty"`
	// Optional says that the app can do without: it waits only for what is on its way.
	Optional bool `json:"optional,omitempty"`
}

// Condition is what is asked of each process of a dependency.
type Condition string

// The conditions, each of them stronger than the one before; Completed is on its own.
const (
	IsStarted   Condition = "started"   // its program runs, or has done its work
	IsReady     Condition = "ready"     // it is online, or has done its work
	IsHealthy   Condition = "healthy"   // it is online, and its probe found it well
	IsCompleted Condition = "completed" // it ended by itself with code 0, and nobody restarts it
)

// conditions are the words for them, docker-compose's among them.
var conditions = map[string]Condition{
	"started": IsStarted, "service_started": IsStarted,
	"ready": IsReady, "online": IsReady, "service_ready": IsReady,
	"healthy": IsHealthy, "service_healthy": IsHealthy,
	"completed": IsCompleted, "completed_successfully": IsCompleted, "service_completed_successfully": IsCompleted,
}

// ParseCondition reads one of the words for a condition.
func ParseCondition(word string) (Condition, bool) {
	c, ok := conditions[strings.TrimSpace(word)]
	return c, ok
}

// Wanted is the condition that is asked for.
func (d *Dependency) Wanted() Condition {
	if d.Condition == "" {
		return IsReady
	}
	return d.Condition
}

// ParseDependency reads NAME, NAME:CONDITION, NAME:TIMEOUT or NAME:CONDITION:TIMEOUT. A colon is part of the name where
// no such word follows it.
func ParseDependency(text string) (Dependency, error) {
	d := Dependency{Name: strings.TrimSpace(text)}
	for {
		at := strings.LastIndexByte(d.Name, ':')
		if at < 0 {
			break
		}
		word := d.Name[at+1:]
		if c, ok := ParseCondition(word); ok && d.Condition == "" {
			d.Name, d.Condition = d.Name[:at], c
			break // a timeout comes after it
		}
		t, err := ParseDuration(word)
		if err != nil || t < 0 || d.Timeout != 0 {
			break
		}
		d.Name, d.Timeout = d.Name[:at], t
	}
	if d.Name == "" {
		return d, fmt.Errorf("%q names no app", text)
	}
	return d, nil
}

// String returns the dependency as ParseDependency reads it.
func (d Dependency) String() string {
	s := d.Name + ":" + string(d.Wanted())
	if d.Timeout > 0 {
		s += ":" + d.Timeout.D().String()
	}
	return s
}

// Awaited is what a process that is due waits for.
type Awaited struct {
	Name      string    `json:"name,omitempty"` // of an app
	Condition Condition `json:"condition,omitempty"`
	Is        string    `json:"is"`               // what is in the way, for people: "launching", "exited with code 1"
	Failed    bool      `json:"failed,omitempty"` // it will not come to that by itself
}
