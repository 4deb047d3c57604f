package service

import (
	"slices"
	"time"

	"weaver/app"
)

// Service is all processes of one name.
type Service struct {
	Name      string
	Instances []app.Process
}

// Group makes services of processes, in order of their first id.
func Group(list []app.Process) []Service {
	var out []Service
	at := map[string]int{}
	for i := range list {
		name := list[i].Name
		n, ok := at[name]
		if !ok {
			n = len(out)
			at[name] = n
			out = append(out, Service{Name: name})
		}
		out[n].Instances = append(out[n].Instances, list[i])
	}
	return out
}

// Find returns the service of that name.
func Find(list []app.Process, name string) (Service, bool) {
	s := Service{Name: name}
	for i := range list {
		if list[i].Name == name {
			s.Instances = append(s.Instances, list[i])
		}
	}
	return s, len(s.Instances) > 0
}

// State is one word for all instances.
type State string

// The states.
const (
	Running  State = "RUNNING"
	Starting State = "STARTING"
	Stopping State = "STOPPING"
	Errored  State = "ERRORED"
	Stopped  State = "STOPPED"
)

// stateOf is the state that a status means.
var stateOf = map[app.Status]State{
	app.Online: Running, app.Launching: Starting, app.WaitingRestart: Starting, app.Stopping: Stopping,
	app.Errored: Errored, app.Stopped: Stopped,
}

// importance orders the statuses: a service is what the most important of its instances is.
var importance = []app.Status{app.Online, app.Launching, app.WaitingRestart, app.Stopping, app.Errored, app.Stopped}

// Status is what is known of a service, in a form that programs read.
type Status struct {
	Name      string     `json:"name"`
	State     State      `json:"state"`
	Status    app.Status `json:"status"`
	Uptime    float64    `json:"uptime"` // seconds, of the instance that runs longest
	Restarts  int        `json:"restarts"`
	Instances int        `json:"instances"`
	Running   int        `json:"running"`
	PID       int        `json:"pid"`
	PIDs      []int      `json:"pids"`
	CPU       float64    `json:"cpu"`    // percent of one core
	Memory    app.Bytes  `json:"memory"` // bytes
	Threads   int        `json:"threads"`
	Reason    string     `json:"reason,omitempty"`

	Processes []app.Process `json:"processes,omitempty"` // with --verbose
}

// Status sums the instances up.
func (s *Service) Status(now time.Time) Status {
	out := Status{Name: s.Name, Instances: len(s.Instances), PIDs: []int{}}
	best := len(importance)
	for i := range s.Instances {
		p := &s.Instances[i]
		if n := slices.Index(importance, p.Status); n >= 0 && n < best {
			best = n
		}
		out.Restarts += p.Restarts
		out.CPU += p.Usage.CPU
		out.Memory += p.Usage.Memory
		out.Threads += p.Usage.Threads
		if p.Reason != "" && out.Reason == "" {
			out.Reason = p.Reason
		}
		if p.PID == 0 {
			continue
		}
		out.PIDs = append(out.PIDs, p.PID)
		if p.Status == app.Online {
			out.Running++
		}
		if up := now.Sub(p.Started).Seconds(); up > out.Uptime {
			out.Uptime = up
		}
	}
	if len(out.PIDs) > 0 {
		out.PID = out.PIDs[0]
	}
	out.Status = importance[min(best, len(importance)-1)]
	out.State = stateOf[out.Status]
	return out
}
