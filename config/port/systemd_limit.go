package port

import (
	"strconv"
	"strings"
	"time"
)

// limit sets what a key of [Service] that is a time or a ceiling comes to. Any other has no counterpart.
func (u *unit) limit(s *service, k *setting, value string) error {
	switch k.key {
	case "RestartSec":
		return u.span(s, k, "restart_delay", value, 0)
	case "TimeoutStopSec":
		return u.span(s, k, "kill_timeout", value, 0)
	case "TimeoutStartSec":
		if t := u.value("Type"); t != "notify" && t != "notify-reload" {
			u.note(k, "weaver waits only for programs that say when they are ready")
			return nil
		}
		d, infinite, err := span(value)
		if err != nil {
			return u.fail(k, "%q is %v", clip(value), err)
		}
		if !infinite {
			s.set("readiness", tree{{key: "type", val: "notify"}, {key: "within", val: millis(d)}})
		}
	case "TimeoutSec":
		return u.span(s, k, "kill_timeout", value, 0)
	case "WatchdogSec":
		d, infinite, err := span(value)
		if err != nil {
			return u.fail(k, "%q is %v", clip(value), err)
		}
		if !infinite && d > 0 {
			s.set("liveness", tree{{key: "type", val: "heartbeat"}, {key: "interval", val: millis(d)}})
		}
	case "StartLimitBurst":
		return u.burst(s, k, value)
	case "StartLimitInterval", "StartLimitIntervalSec":
		return u.interval(s, k, value)
	case "MemoryMax", "MemoryLimit":
		return u.memory(s, k, "max_memory", value)
	case "CPUQuota":
		n, err := strconv.ParseFloat(strings.TrimSuffix(value, "%"), 64)
		if err != nil || !(n >= 1 && n <= 1_000_000) {
			return u.fail(k, "%q is no percentage of a core", clip(value))
		}
		s.set("max_cpu", n)
	case "TasksMax":
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 || n > 1<<30 {
			u.note(k, "%s: weaver takes a number", clip(value))
			return nil
		}
		s.set("max_pids", n)
	case "IOWeight":
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 || n > 10_000 {
			return u.fail(k, "%q is not from 1 to 10000", clip(value))
		}
		s.set("io_weight", n)
	case "OOMScoreAdjust":
		n, err := strconv.Atoi(value)
		if err != nil || n < -1000 || n > 1000 {
			return u.fail(k, "%q is not from -1000 to 1000", clip(value))
		}
		s.addLimit("oom_score_adj", n)
	default:
		if name, ok := rlimit(k.key); ok {
			return u.rlimit(s, k, name, value)
		}
		u.note(k, "has no counterpart")
	}
	return nil
}

func (u *unit) span(s *service, k *setting, key, value string, least time.Duration) error {
	d, infinite, err := span(value)
	switch {
	case err != nil:
		return u.fail(k, "%q is %v", clip(value), err)
	case infinite:
		u.note(k, "infinity: weaver waits an hour")
		d = time.Hour
	}
	s.set(key, millis(max(d, least)))
	return nil
}

func (u *unit) burst(s *service, k *setting, value string) error {
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 || n > 1_000_000 {
		return u.fail(k, "%q is no number", clip(value))
	}
	s.set("max_restarts", n)
	if !s.has("restart_window") {
		s.set("restart_window", 10_000)
	}
	return nil
}

func (u *unit) interval(s *service, k *setting, value string) error {
	d, infinite, err := span(value)
	switch {
	case err != nil:
		return u.fail(k, "%q is %v", clip(value), err)
	case infinite:
		u.note(k, "infinity: starts are counted over ten years")
		d = longest
	case d == 0:
		u.note(k, "0: it is restarted for ever, a second apart at least when it keeps ending at once")
		s.set("max_restarts", 1_000_000)
		return nil
	}
	s.set("restart_window", millis(d))
	if !s.has("max_restarts") {
		s.set("max_restarts", 5)
	}
	return nil
}

func (u *unit) memory(s *service, k *setting, key, value string) error {
	if value == "infinity" {
		return nil
	}
	if strings.HasSuffix(value, "%") {
		u.note(k, "%s: weaver takes an amount", clip(value))
		return nil
	}
	n, err := size(value)
	if err != nil {
		return u.fail(k, "%q is %v", clip(value), err)
	}
	s.set(key, bytesText(n))
	return nil
}

// rlimit is weaver's name of a resource limit of systemd's.
func rlimit(key string) (string, bool) {
	switch key {
	case "LimitNOFILE", "LimitNPROC", "LimitCORE", "LimitAS", "LimitSTACK", "LimitFSIZE", "LimitCPU", "LimitMEMLOCK":
		return strings.ToLower(strings.TrimPrefix(key, "Limit")), true
	}
	return "", false
}

func (u *unit) rlimit(s *service, k *setting, name, value string) error {
	soft, hard, two := strings.Cut(value, ":")
	if two && soft != hard {
		u.note(k, "%s: weaver sets both to %s", clip(value), clip(soft))
	}
	if soft == "infinity" {
		s.addLimit(name, "unlimited")
		return nil
	}
	n, err := size(soft)
	if err != nil {
		u.note(k, "%s: weaver takes a number", clip(value))
		return nil
	}
	s.addLimit(name, int(n))
	return nil
}

// addLimit sets one of the limits.
func (s *service) addLimit(name string, val any) {
	limits, _ := s.get("limits").(tree)
	limits.set(name, val)
	s.set("limits", limits)
}

// bytesText is an amount in weaver's words: with the largest suffix that divides it.
func bytesText(n int64) string {
	suffix := ""
	for _, letter := range []string{"K", "M", "G"} {
		if n == 0 || n%1024 != 0 {
			break
		}
		n, suffix = n/1024, letter
	}
	return strconv.FormatInt(n, 10) + suffix
}
