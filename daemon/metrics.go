package daemon

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/expfmt"
	"go.uber.org/zap"

	"weaver/app"
	"weaver/daemon/history"
	"weaver/service"
)

// metricsWindow is the window of `service metrics` when none is given.
const metricsWindow = time.Hour

// keepHistory notes each second what every service uses, until ctx ends.
func (d *daemon) keepHistory(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	sums := map[string]history.Point{}
	complained := false
	complain := func(err error) {
		if err != nil && !complained { // the disk may be full for long: once is enough
			complained = true
			d.log.Warn("metrics history", zap.Error(err))
		}
	}
	for {
		select {
		case <-ctx.Done():
			if err := d.history.Flush(); err != nil {
				d.log.Warn("metrics history", zap.Error(err))
			}
			return
		case <-tick.C:
		}
		clear(sums)
		now := time.Now()
		complain(d.history.Settle(now))
		d.sup.EachUsage(func(name string, u app.Usage) {
			p := sums[name]
			p.At, p.CPU, p.Memory = now, p.CPU+u.CPU, p.Memory+uint64(u.Memory)
			sums[name] = p
		})
		for name, p := range sums {
			complain(d.history.Add(name, p))
		}
		d.history.Remember()
	}
}

// serviceMetrics answers what services used over a window.
func (d *daemon) serviceMetrics(_ *http.Request, q hotQuery, s *saying) {
	list, ok := d.services(q, s)
	if !ok {
		return
	}
	window := metricsWindow
	if word := q.value("duration"); word != "" {
		v, ok := span(word)
		if !ok {
			s.complain("option `--duration' needs a duration like 30s, 10m, 1h or 1d, not %q", word)
			return
		}
		window = v
	}
	now := time.Now()
	format := q.value("format")
	if format == "prometheus" {
		s.out = service.AppendPrometheus(s.out, d.told(list, now))
		return
	}
	all := make([]service.Metrics, len(list))
	for i := range list {
		m := &all[i]
		m.Status = list[i].Status(now)
		m.Window = window.Seconds()
		points, err := d.history.Window(m.Name, now.Add(-window), now)
		if err != nil {
			s.errOut = fmt.Appendf(s.errOut, "weaver: %v\n", err)
		}
		sum(m, points)
	}
	switch {
	case format != "" && format != "table" && format != "json":
		s.complain("option `--format' is table, json or prometheus, not %q", format)
	case (q.json || format == "json") && len(q.args) > 0:
		s.value(all[0])
	case q.json || format == "json":
		s.value(all)
	default:
		for i := range all {
			if i > 0 {
				s.out = append(s.out, '\n')
			}
			s.out = service.AppendMetrics(s.out, &all[i])
		}
	}
}

// span reads a time that is over, in days too.
func span(word string) (time.Duration, bool) {
	if days, ok := strings.CutSuffix(word, "d"); ok {
		n, err := strconv.ParseFloat(days, 64)
		return time.Duration(n * 24 * float64(time.Hour)), err == nil && n > 0 && n < 36500
	}
	v, err := time.ParseDuration(word)
	return v, err == nil && v > 0
}

// sum makes figures of points.
func sum(m *service.Metrics, points []history.Point) {
	for i, p := range points {
		add(&m.CPUs, i, p.CPU, p.MaxCPU)
		add(&m.Bytes, i, float64(p.Memory), float64(p.MaxMemory))
	}
	m.Points = len(points)
}

func add(f *service.Figures, i int, value, most float64) {
	if i == 0 {
		f.Min, f.Max = value, most
	}
	f.Average += (value - f.Average) / float64(i+1)
	f.Min, f.Max = min(f.Min, value), max(f.Max, most)
}

// told is what Prometheus is told of services.
func (d *daemon) told(list []service.Service, now time.Time) *service.Exposition {
	x := &service.Exposition{Past: d.tally.of}
	for i := range list {
		x.Services = append(x.Services, list[i].Status(now))
		x.Processes = append(x.Processes, list[i].Instances...)
	}
	return x
}

// exposition answers all services, and weaver itself, in Prometheus' text format.
func (d *daemon) exposition(w http.ResponseWriter, r *http.Request) error {
	d.serveMetrics(w, r)
	return nil
}

// serveMetrics answers in the format that is asked for: Prometheus itself prefers others than text.
func (d *daemon) serveMetrics(w http.ResponseWriter, r *http.Request) {
	format := expfmt.NegotiateIncludingOpenMetrics(r.Header)
	w.Header().Set("Content-Type", string(format))
	list := service.Group(d.sup.List())
	d.tally.keep(list)
	x := d.told(list, time.Now())
	x.Supervisor = d.ownFigures()
	_ = x.Write(w, format) // the peer may be gone
}

// expose has /metrics served by TCP when a supervisor starts.
func (d *daemon) expose(address string) {
	if err := d.exposer.want(address, d.serveMetrics, d.log); err != nil {
		text := "metrics are not served at " + address + ": " + err.Error() + "; it is tried again"
		d.log.Error(text)
		d.sup.Publish(app.Event{Kind: app.EventWarning, ID: -1, Name: "weaver", Message: text})
	}
}

// exposeAgain tries once more, if that could not be.
func (d *daemon) exposeAgain() {
	if d.exposer.retry(d.serveMetrics, d.log) {
		d.log.Info("metrics are served", zap.String("address", d.settings.Load().Metrics.Listen))
	}
}
