package procstat

// Listener is a TCP port that a process listens on.
type Listener struct {
	Host string // an address, "0.0.0.0" or "::" for all
	Port int
	PID  int
}
