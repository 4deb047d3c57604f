package app

// Health is how the state of a running program is told. Each part is optional; nil is none.
type Health struct {
	// Startup has to succeed before the others begin; Readiness makes the process online; Liveness watches what is online.
	Startup   *Probe `json:"startup,omitempty"`
	Readiness *Probe `json:"readiness,omitempty"`
	Liveness  *Probe `json:"liveness,omitempty"`
	// Endpoint is what `service health` asks, if it is not one of the probes.
	Endpoint string `json:"endpoint,omitempty"`
}

// ProbeKind is a way to look.
type ProbeKind string

// The kinds. The last four wait for a sign instead of asking.
const (
	ProbeHTTP      ProbeKind = "http"      // URL answers with 2xx or 3xx
	ProbeTCP       ProbeKind = "tcp"       // Host:Port accepts
	ProbeExec      ProbeKind = "exec"      // Command exits with 0
	ProbeGRPC      ProbeKind = "grpc"      // grpc.health.v1 at Host:Port says SERVING for Service
	ProbeFile      ProbeKind = "file"      // Path is there, and not older than MaxAge if that is set
	ProbeListening ProbeKind = "listening" // the process listens on Port, or on any
	ProbeLog       ProbeKind = "log"       // a line matches Pattern
	ProbeNotify    ProbeKind = "notify"    // READY=1 by sd_notify(3)
	ProbeFD        ProbeKind = "fd"        // a newline on descriptor FD, as s6 has it
	ProbeHeartbeat ProbeKind = "heartbeat" // WATCHDOG=1 by sd_notify(3), at least every Interval
)

// Asks reports a kind that can be asked at any time; the others wait for a sign.
func (k ProbeKind) Asks() bool {
	switch k {
	case ProbeLog, ProbeNotify, ProbeFD, ProbeHeartbeat:
		return false
	}
	return true
}

// Probe looks at a process again and again.
type Probe struct {
	Kind    ProbeKind `json:"type"`
	URL     string    `json:"url,omitempty"`
	Host    string    `json:"host,omitempty"` // 127.0.0.1 when empty
	Port    int       `json:"port,omitempty"`
	Command string    `json:"command,omitempty"` // for a shell
	Service string    `json:"service,omitempty"`
	Path    string    `json:"path,omitempty"`
	MaxAge  Duration  `json:"max_age,omitempty"`
	Pattern string    `json:"pattern,omitempty"`
	FD      int       `json:"fd,omitempty"`

	Interval  Duration `json:"interval,omitempty"`
	Timeout   Duration `json:"timeout,omitempty"` // of one look
	Delay     Duration `json:"delay,omitempty"`   // before the first
	Successes int      `json:"success_threshold,omitempty"`
	Failures  int      `json:"failure_threshold,omitempty"`
	// Within is how long a process may take to start up or to be ready.
	Within Duration `json:"within,omitempty"`
	// Actions are taken one after the other, each after as many failures again: none, signal:NAME, reload, restart, stop, hook.
	Actions []string `json:"actions,omitempty"`
	Hook    string   `json:"hook,omitempty"` // command for a shell
}

// The numbers that hold where a probe says nothing.
const (
	ProbeInterval = Duration(10e9)
	ProbeTimeout  = Duration(5e9)
	ProbeFailures = 3
	ProbeWithin   = Duration(60e9)
)

// redacted is a copy without passwords in what the probes ask and run.
func (h *Health) redacted() *Health {
	c := *h
	c.Endpoint = redactURL(c.Endpoint)
	for _, p := range []**Probe{&c.Startup, &c.Readiness, &c.Liveness} {
		if *p == nil {
			continue
		}
		one := **p
		one.URL, one.Command, one.Hook = redactURL(one.URL), Redact(one.Command), Redact(one.Hook)
		*p = &one
	}
	return &c
}

// WaitsReady reports that the process is online only when a probe says so.
func (h *Health) WaitsReady() bool { return h != nil && (h.Readiness != nil || h.Startup != nil) }

// HealthState is what the probes of a process last found.
type HealthState struct {
	Healthy bool     `json:"healthy"`
	Cause   string   `json:"cause,omitempty"` // why not
	Took    Duration `json:"took_ms,omitempty"`
}
