package pm2

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/user"
	"strconv"

	"weaver/app"
)

// weaverKey holds, in dumps only, the settings that PM2 has no key for. PM2 carries it without looking at it.
const weaverKey = "weaver"

// own are the settings that PM2 has no key for.
type own struct {
	User        string       `json:"uid,omitempty"` // the name, where PM2's key has the number
	Group       string       `json:"gid,omitempty"`
	Umask       *int         `json:"umask,omitempty"`
	Nice        *int         `json:"nice,omitempty"`
	Limits      *app.Limits  `json:"limits,omitempty"`
	KillSignal  string       `json:"kill_signal,omitempty"`
	MaxLogSize  app.Bytes    `json:"max_log_size,omitempty"`
	MaxLogFiles int          `json:"max_log_files,omitempty"`
	MaxLogAge   app.Duration `json:"max_log_age,omitempty"`
	CompressLog bool         `json:"compress_logs,omitempty"`

	UnhandledRejections string        `json:"unhandled_rejections,omitempty"`
	Listen              []string      `json:"listen,omitempty"`
	Overlap             bool          `json:"overlap,omitempty"`
	DrainTimeout        *app.Duration `json:"drain_timeout,omitempty"`
	ClusterPolicy       string        `json:"cluster_policy,omitempty"`
	Serialization       string        `json:"serialization,omitempty"`

	MaxCPU    float64   `json:"max_cpu,omitempty"`
	MaxMemory app.Bytes `json:"max_memory,omitempty"`
	MaxPIDs   int       `json:"max_pids,omitempty"`
	IOWeight  int       `json:"io_weight,omitempty"`

	Health           *app.Health   `json:"health,omitempty"`
	Data             *app.DataFile `json:"db,omitempty"`
	StateFile        string        `json:"state_file,omitempty"`
	PortCheck        bool          `json:"port_check,omitempty"`
	AutoPort         bool          `json:"auto_port,omitempty"`
	PortRetry        int           `json:"port_retry,omitempty"`
	RestartBackoff   string        `json:"restart_backoff,omitempty"`
	MaxRestartDelay  app.Duration  `json:"max_restart_delay,omitempty"`
	RestartJitter    float64       `json:"restart_jitter,omitempty"`
	RestartWindow    app.Duration  `json:"restart_window,omitempty"`
	CircuitBreaker   bool          `json:"circuit_breaker,omitempty"`
	FailureThreshold int           `json:"failure_threshold,omitempty"`

	DependsOn []app.Dependency `json:"depends_on,omitempty"`
	Idle      app.Duration     `json:"idle,omitempty"`

	WatchConfig *app.ConfigSource `json:"watch_config,omitempty"`
	From        *app.Origin       `json:"from,omitempty"`
	Warm        int               `json:"warm,omitempty"`
}

func restoreOwn(s *app.Spec, v Value) error {
	var o own
	if err := json.Unmarshal(v.AppendJSON(nil), &o); err != nil {
		return fmt.Errorf("settings under %q: %w", weaverKey, err)
	}
	if o.User != "" {
		s.User = o.User
	}
	if o.Group != "" {
		s.Group = o.Group
	}
	s.Umask, s.Nice, s.Limits, s.KillSignal = o.Umask, o.Nice, o.Limits, o.KillSignal
	s.MaxLogSize, s.MaxLogFiles, s.MaxLogAge, s.CompressLog = o.MaxLogSize, o.MaxLogFiles, o.MaxLogAge, o.CompressLog
	s.UnhandledRejections, s.Serialization = o.UnhandledRejections, o.Serialization
	s.Listen, s.Overlap, s.DrainTimeout, s.ClusterPolicy = o.Listen, o.Overlap, o.DrainTimeout, o.ClusterPolicy
	s.MaxCPU, s.MaxMemory, s.MaxPIDs, s.IOWeight = o.MaxCPU, o.MaxMemory, o.MaxPIDs, o.IOWeight
	s.Health, s.Data, s.StateFile = o.Health, o.Data, o.StateFile
	s.PortCheck, s.AutoPort, s.PortRetry = o.PortCheck, o.AutoPort, o.PortRetry
	s.RestartBackoff, s.MaxRestartDelay, s.RestartJitter = o.RestartBackoff, o.MaxRestartDelay, o.RestartJitter
	s.RestartWindow, s.CircuitBreaker, s.FailureThreshold = o.RestartWindow, o.CircuitBreaker, o.FailureThreshold
	s.DependsOn, s.Idle, s.WatchConfig, s.Warm = o.DependsOn, o.Idle, o.WatchConfig, o.Warm
	s.From = o.From
	return nil
}

// ReadDump reads a dump.pm2, PM2's or weaver's. PM2 evaluates its dumps as JavaScript; ReadDump reads the same literals
// (see Parse) without evaluating. Modules are left out. An error names the byte, or the record, where reading ended.
func ReadDump(data []byte) ([]Record, error) {
	v, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("read dump: %w", err)
	}
	list, ok := v.List()
	if !ok {
		return nil, errors.New("read dump: it is not an array of processes")
	}
	records := make([]Record, 0, len(list))
	for i, v := range list {
		o, ok := v.Object()
		if !ok {
			return nil, fmt.Errorf("read dump: element %d is not an object", i)
		}
		if env, ok := o.Get("pm2_env"); ok && env.kind == object {
			o = env.object // an element of a `jlist`
		}
		rec, err := record(o)
		if err != nil {
			return nil, fmt.Errorf("read dump: element %d: %w", i, err)
		}
		if !rec.Module {
			records = append(records, rec)
		}
	}
	return records, nil
}

// WriteDump writes a dump.pm2 that PM2 can resurrect: records without instances, pm_id and prev_restart_delay, as
// JSON.stringify indents them. Each element is one process. Users and groups are written as numbers, which is all that
// PM2 takes; one that does not exist is an error.
func WriteDump(list []app.Process, o EnvOptions) ([]byte, error) {
	all := Value{kind: array}
	for i := range list {
		p := &list[i]
		b := builder{dump: true}
		b.build(p, o)
		if err := b.numericAccounts(); err != nil {
			return nil, fmt.Errorf("write dump: %s: %w", p.Name, err)
		}
		if err := b.addOwn(p.Spec); err != nil {
			return nil, fmt.Errorf("write dump: %s: %w", p.Name, err)
		}
		all.list = append(all.list, Of(&b.record))
	}
	return all.appendIndented(nil, 0), nil
}

func (b *builder) numericAccounts() error {
	for i := range b.record.members {
		m := &b.record.members[i]
		name, isText := m.Value.Text()
		if !isText {
			continue
		}
		var id string
		switch m.Key {
		case "uid":
			u, err := user.Lookup(name)
			if err != nil {
				return err
			}
			id = u.Uid
		case "gid":
			g, err := user.LookupGroup(name)
			if err != nil {
				return err
			}
			id = g.Gid
		default:
			continue
		}
		n, err := strconv.Atoi(id)
		if err != nil {
			return fmt.Errorf("%s %s has no number: %w", m.Key, name, err)
		}
		m.Value = Number(n)
	}
	return nil
}

func (b *builder) addOwn(s *app.Spec) error {
	if s == nil {
		return nil
	}
	o := own{
		Umask: s.Umask, Nice: s.Nice, Limits: s.Limits, KillSignal: s.KillSignal, MaxLogSize: s.MaxLogSize,
		MaxLogFiles: s.MaxLogFiles, MaxLogAge: s.MaxLogAge, CompressLog: s.CompressLog,
		UnhandledRejections: s.UnhandledRejections, Serialization: s.Serialization,
		Listen: s.Listen, Overlap: s.Overlap, DrainTimeout: s.DrainTimeout, ClusterPolicy: s.ClusterPolicy,
		MaxCPU: s.MaxCPU, MaxMemory: s.MaxMemory, MaxPIDs: s.MaxPIDs, IOWeight: s.IOWeight,
		Health: s.Health, Data: s.Data, StateFile: s.StateFile, PortCheck: s.PortCheck, AutoPort: s.AutoPort, PortRetry: s.PortRetry,
		RestartBackoff: s.RestartBackoff, MaxRestartDelay: s.MaxRestartDelay, RestartJitter: s.RestartJitter,
		RestartWindow: s.RestartWindow, CircuitBreaker: s.CircuitBreaker, FailureThreshold: s.FailureThreshold,
		DependsOn: s.DependsOn, Idle: s.Idle, WatchConfig: s.WatchConfig, Warm: s.Warm, From: s.From,
	}
	if _, err := strconv.Atoi(s.User); err != nil {
		o.User = s.User
	}
	if _, err := strconv.Atoi(s.Group); err != nil {
		o.Group = s.Group
	}
	raw, err := json.Marshal(o)
	if err != nil {
		return err
	}
	if string(raw) != "{}" {
		b.value(weaverKey, parseRaw(raw))
	}
	return nil
}
