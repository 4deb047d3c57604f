package service

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"weaver/app"
)

// Exposition is what Prometheus is told.
type Exposition struct {
	Services  []Status
	Processes []app.Process
	// Past is what happened to a service since the supervisor began; nil for one that nothing has happened to.
	Past       func(name string) *Past
	Supervisor *Supervisor // nil: nothing is told of it
}

// Supervisor is what is told of weaver itself.
type Supervisor struct {
	Version, GoVersion   string
	Started              time.Time
	CPU                  float64 // seconds
	Memory               uint64  // bytes, resident
	Files                int     // descriptors that are open
	Threads, Goroutines  int
	Durable              bool
	LogBytes, LogLines   int64
	LogDropped           int64
	Hits, Misses, Evicts map[string]uint64 // of caches
}

// series is one metric of each of something.
type series[T any] struct {
	name, kind, help string
	value            func(*T) (n float64, told bool)
}

// always is a value that everything has.
func always[T any](f func(*T) float64) func(*T) (float64, bool) {
	return func(t *T) (float64, bool) { return f(t), true }
}

var ofServices = []series[Status]{
	{"weaver_service_up", "gauge", "1 if an instance of the service is online.", always(func(s *Status) float64 { return truth(s.State == Running) })},
	{"weaver_service_instances", "gauge", "Instances of the service.", always(func(s *Status) float64 { return float64(s.Instances) })},
	{"weaver_service_running_instances", "gauge", "Instances of the service that are online.", always(func(s *Status) float64 { return float64(s.Running) })},
	{"weaver_service_restarts_total", "counter", "Restarts of all instances.", always(func(s *Status) float64 { return float64(s.Restarts) })},
	{"weaver_service_uptime_seconds", "gauge", "Uptime of the instance that runs longest.", always(func(s *Status) float64 { return s.Uptime })},
	{"weaver_service_cpu_ratio", "gauge", "CPU of the whole process trees, as a part of one core.", always(func(s *Status) float64 { return s.CPU / 100 })},
	{"weaver_service_memory_bytes", "gauge", "Resident memory of the whole process trees.", always(func(s *Status) float64 { return float64(s.Memory) })},
	{"weaver_service_threads", "gauge", "Threads of the whole process trees.", always(func(s *Status) float64 { return float64(s.Threads) })},
}

// alive is a value of what runs.
func alive(f func(*app.Process) float64) func(*app.Process) (float64, bool) {
	return func(p *app.Process) (float64, bool) { return f(p), p.PID != 0 }
}

var ofProcesses = []series[app.Process]{
	{"weaver_process_up", "gauge", "1 if the instance is online.", always(func(p *app.Process) float64 { return truth(p.Status == app.Online) })},
	{"weaver_process_restarts_total", "counter", "Restarts of the instance.", always(func(p *app.Process) float64 { return float64(p.Restarts) })},
	{"weaver_process_unstable_restarts", "gauge", "Restarts in a row that soon came to an end; at max_restarts it is given up.", always(func(p *app.Process) float64 { return float64(p.Unstable) })},
	{"weaver_process_start_time_seconds", "gauge", "When the process that runs was started, in seconds since 1970.", alive(func(p *app.Process) float64 { return seconds1970(p.Started) })},
	{"weaver_process_cpu_seconds_total", "counter", "CPU time of the whole process tree, children that have ended included.", alive(func(p *app.Process) float64 { return p.Usage.CPUTime.Seconds() })},
	{"weaver_process_resident_memory_bytes", "gauge", "Resident memory of the whole process tree.", alive(func(p *app.Process) float64 { return float64(p.Usage.Memory) })},
	{"weaver_process_threads", "gauge", "Threads of the whole process tree.", alive(func(p *app.Process) float64 { return float64(p.Usage.Threads) })},
	{"weaver_process_tree_processes", "gauge", "Processes in the process tree.", alive(func(p *app.Process) float64 { return float64(p.Usage.Procs) })},
	{"weaver_process_last_exit_code", "gauge", "How the process before ended: its exit code, or 128 and the number of the signal that ended it.", func(p *app.Process) (float64, bool) {
		if p.Exit == nil || p.Exit.Err != "" {
			return 0, false
		}
		return float64(exitCode(p.Exit)), true
	}},
	{"weaver_process_healthy", "gauge", "1 if the probe that looked last found it well; absent without probes.", func(p *app.Process) (float64, bool) {
		if p.Health == nil || p.PID == 0 {
			return 0, false
		}
		return truth(p.Health.Healthy), true
	}},
}

var states = []State{Running, Starting, Stopping, Errored, Stopped}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func seconds1970(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// text is an exposition that is being made.
type text struct{ families []*dto.MetricFamily }

func (t *text) family(name, kind, help string) {
	k := dto.MetricType_GAUGE
	if kind == "counter" {
		k = dto.MetricType_COUNTER
	}
	t.families = append(t.families, &dto.MetricFamily{Name: &name, Help: &help, Type: &k})
}

// sample adds one value to the family that was begun last.
func (t *text) sample(of labels, n float64) {
	f := t.families[len(t.families)-1]
	m := &dto.Metric{Label: of}
	if f.GetType() == dto.MetricType_COUNTER {
		m.Counter = &dto.Counter{Value: &n}
	} else {
		m.Gauge = &dto.Gauge{Value: &n}
	}
	f.Metric = append(f.Metric, m)
}

// one is a family of one value.
func (t *text) one(name, kind, help string, n float64) {
	t.family(name, kind, help)
	t.sample(nil, n)
}

// labels tell the values of a family apart.
type labels []*dto.LabelPair

// with returns labels and more of them: names and values by turns.
func (l labels) with(pairs ...string) labels {
	l = l[:len(l):len(l)]
	for i := 0; i < len(pairs); i += 2 {
		value := strings.ToValidUTF8(pairs[i+1], "\uFFFD")
		l = append(l, &dto.LabelPair{Name: &pairs[i], Value: &value})
	}
	return l
}

func labelsOf(pairs ...string) labels { return labels(nil).with(pairs...) }

// Write writes everything in one of Prometheus' formats. What its encoder refuses ends it; our names are right.
func (x *Exposition) Write(w io.Writer, format expfmt.Format) error {
	to := expfmt.NewEncoder(w, format)
	for _, f := range x.families() {
		if len(f.Metric) == 0 {
			continue
		}
		if err := to.Encode(f); err != nil {
			return fmt.Errorf("write metric %s: %w", f.GetName(), err)
		}
	}
	if end, ok := to.(expfmt.Closer); ok {
		return end.Close()
	}
	return nil
}

// AppendPrometheus appends everything in Prometheus' text format.
func AppendPrometheus(dst []byte, x *Exposition) []byte {
	out := bytes.NewBuffer(dst)
	_ = x.Write(out, expfmt.NewFormat(expfmt.TypeTextPlain)) // a buffer takes everything
	return out.Bytes()
}

func (x *Exposition) families() []*dto.MetricFamily {
	t := &text{}
	labels := make([]labels, len(x.Services))
	for i := range x.Services {
		labels[i] = labelsOf("service", x.Services[i].Name)
	}
	each(t, ofServices, x.Services, labels)
	if len(x.Services) > 0 {
		t.family("weaver_service_state", "gauge", "1 for the state that the service is in, 0 for each other.")
	}
	for i := range x.Services {
		for _, s := range states {
			t.sample(labels[i].with("state", string(s)), truth(x.Services[i].State == s))
		}
	}
	if x.Past != nil && len(x.Services) > 0 {
		t.past(x, labels)
	}
	labels = labels[:0]
	for i := range x.Processes {
		p := &x.Processes[i]
		labels = append(labels, labelsOf("service", p.Name, "namespace", p.Namespace, "id", p.ID.String()))
	}
	each(t, ofProcesses, x.Processes, labels)
	if x.Supervisor != nil {
		t.supervisor(x.Supervisor)
	}
	return t.families
}

// each appends all metrics of all of something. A metric that nothing has is not there.
func each[T any](t *text, metrics []series[T], list []T, labels []labels) {
	for _, m := range metrics {
		begun := false
		for i := range list {
			n, told := m.value(&list[i])
			if !told {
				continue
			}
			if !begun {
				t.family(m.name, m.kind, m.help)
				begun = true
			}
			t.sample(labels[i], n)
		}
	}
}

func (t *text) supervisor(s *Supervisor) {
	t.family("weaver_build_info", "gauge", "The weaver that runs.")
	t.sample(labelsOf("version", s.Version, "goversion", s.GoVersion), 1)
	t.one("weaver_state_durable", "gauge", "1 if what is wished is on disk; 0 if the disk refuses.", truth(s.Durable))
	t.one("weaver_log_bytes_total", "counter", "Bytes of output that were read from services.", float64(s.LogBytes))
	t.one("weaver_log_lines_total", "counter", "Lines of output that were read from services.", float64(s.LogLines))
	t.one("weaver_log_dropped_bytes_total", "counter", "Bytes of output that a disk refused.", float64(s.LogDropped))
	for _, c := range []struct {
		name, help string
		of         map[string]uint64
	}{
		{"weaver_cache_hits_total", "Answers that a cache had.", s.Hits},
		{"weaver_cache_misses_total", "Answers that a cache had not.", s.Misses},
		{"weaver_cache_evictions_total", "Entries that made room for others.", s.Evicts},
	} {
		t.family(c.name, "counter", c.help)
		for _, cache := range sortedKeys(c.of) {
			t.sample(labelsOf("cache", cache), float64(c.of[cache]))
		}
	}
	// The names by which every exporter tells of itself.
	t.one("process_start_time_seconds", "gauge", "Start time of the process since unix epoch in seconds.", seconds1970(s.Started))
	t.one("process_cpu_seconds_total", "counter", "Total user and system CPU time spent in seconds.", s.CPU)
	t.one("process_resident_memory_bytes", "gauge", "Resident memory size in bytes.", float64(s.Memory))
	t.one("process_open_fds", "gauge", "Number of open file descriptors.", float64(s.Files))
	t.one("go_threads", "gauge", "Number of OS threads created.", float64(s.Threads))
	t.one("go_goroutines", "gauge", "Number of goroutines that currently exist.", float64(s.Goroutines))
}
