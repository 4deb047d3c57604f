package config

import (
	"fmt"

	"weaver/app"
)

// recovery checks what is asked for when things go wrong.
func (v values) recovery() error {
	if kind, ok := v["restart_backoff"].(string); ok && kind != "" && kind != "linear" && kind != "exponential" {
		return fmt.Errorf(`"restart_backoff" is linear or exponential, but now is %q`, clip(kind))
	}
	if j, ok := v["restart_jitter"]; ok {
		if n, isNumber := j.(float64); !isNumber || !(n >= 0 && n <= 1) {
			return fmt.Errorf(`"restart_jitter" is from 0 to 1, but now is %s`, clip(text(j)))
		}
	}
	return nil
}

// applyRecovery sets it, paths absolute.
func (c Context) applyRecovery(s *app.Spec, v values) {
	for key, field := range map[string]*bool{
		"circuit_breaker": &s.CircuitBreaker, "port_check": &s.PortCheck, "auto_port": &s.AutoPort,
	} {
		if yes, ok := v[key].(bool); ok {
			*field = yes
		}
	}
	for key, field := range map[string]*app.Duration{"max_restart_delay": &s.MaxRestartDelay, "restart_window": &s.RestartWindow} {
		if d, ok := v[key].(app.Duration); ok {
			*field = d
		}
	}
	for key, field := range map[string]*int{"failure_threshold": &s.FailureThreshold, "port_retry": &s.PortRetry} {
		if n, ok := v[key].(int); ok {
			*field = n
		}
	}
	if kind, ok := v["restart_backoff"].(string); ok {
		s.RestartBackoff = kind
	}
	if j, ok := v["restart_jitter"].(float64); ok {
		s.RestartJitter = j
	}
	if path, ok := v["state_file"].(string); ok && path != "" {
		s.StateFile = c.abs(c.Cwd, path)
	}
	data := app.DataFile{}
	if s.Data != nil {
		data = *s.Data
	}
	if path, ok := v["db"].(string); ok && path != "" {
		data.Path = c.abs(s.Cwd, path)
	}
	if yes, ok := v["auto_restore"].(bool); ok {
		data.Restore = yes
	}
	if yes, ok := v["create_if_missing"].(bool); ok {
		data.Create = yes
	}
	if data.Path != "" {
		s.Data = &data
	}
}
