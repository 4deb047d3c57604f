package daemon

import (
	"fmt"
	"net/http"

	"weaver/app"
)

// alertsMost is how many are shown.
const alertsMost = 20

// serviceAlerts lists what went wrong lately, the latest last.
func (d *daemon) serviceAlerts(_ *http.Request, q hotQuery, s *saying) {
	var alerts []app.Event
	for _, e := range d.sup.Recent() {
		if len(q.args) > 0 && e.Name != q.args[0] {
			continue
		}
		switch e.Kind {
		case app.EventFailed, app.EventWarning, app.EventOverlimit:
		case app.EventExit:
			if e.Manually || e.Exit == nil || e.Exit.Code == 0 && e.Exit.Signal == "" && e.Exit.Err == "" {
				continue
			}
		default:
			continue
		}
		alerts = append(alerts, e)
	}
	alerts = alerts[max(0, len(alerts)-alertsMost):]
	if q.json {
		s.value(alerts)
		return
	}
	s.out = append(s.out, "Alerts:\n"...)
	if len(alerts) == 0 {
		s.out = append(s.out, "  none\n"...)
	}
	for i := range alerts {
		e := &alerts[i]
		s.out = fmt.Appendf(s.out, "  %s %s %s: %s\n", e.At.Format("15:04:05"), e.Name, e.Kind, e.Message)
	}
}
