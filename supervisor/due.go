package supervisor

import (
	"fmt"
	"slices"
	"time"

	"weaver/app"
	"weaver/supervisor/schedule"
)

// Next returns what will happen to a process by itself, the earliest first.
func Next(p *app.Process, now time.Time) []app.Due {
	var due []app.Due
	if !p.KillAt.IsZero() {
		due = append(due, app.Due{At: p.KillAt, What: "SIGKILL to what is left of it"})
	}
	if !p.RestartAt.IsZero() {
		due = append(due, app.Due{At: p.RestartAt, What: "restart"})
	}
	for _, w := range p.WaitsFor {
		if p.OnDemand {
			due = append(due, app.Due{What: "start when somebody connects"})
			continue
		}
		due = append(due, app.Due{What: "start once " + w.Name + " is " + string(w.Condition)})
	}
	if p.Spec != nil && p.Spec.CronRestart != "" {
		if s, err := schedule.Parse(p.Spec.CronRestart); err == nil {
			if at := s.Next(now); !at.IsZero() {
				due = append(due, app.Due{At: at, What: "restart by cron " + p.Spec.CronRestart})
			}
		}
	}
	if p.Status == app.Online && p.Spec != nil && p.Spec.MaxMemoryRestart > 0 {
		due = append(due, app.Due{What: fmt.Sprintf("reload when its tree uses more than %s (now %s)", p.Spec.MaxMemoryRestart, p.Usage.Memory)})
	}
	for i := range p.Ceilings {
		if c := &p.Ceilings[i]; c.What == "memory" && c.By == bySampling {
			due = append(due, app.Due{What: fmt.Sprintf("restart when its tree uses more than %s (now %s)", c.Limit, p.Usage.Memory)})
		}
	}
	slices.SortStableFunc(due, func(a, b app.Due) int {
		switch {
		case a.At.IsZero() == b.At.IsZero():
			return a.At.Compare(b.At)
		case a.At.IsZero():
			return 1
		}
		return -1
	})
	return due
}
