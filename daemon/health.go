package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"weaver/app"
	"weaver/service"
	"weaver/supervisor/health"
)

// inspection is how a service is checked now.
type inspection struct {
	endpoint string
	timeout  time.Duration
	retries  int
	interval time.Duration
}

// serviceHealth checks services now, all at once, and judges each by the worst of its checks.
func (d *daemon) serviceHealth(r *http.Request, q hotQuery, s *saying) {
	list, ok := d.services(q, s)
	if !ok {
		return
	}
	in, err := readInspection(q)
	if err != nil {
		s.complain("%v", err)
		return
	}
	results := make([]service.Health, len(list))
	var wg sync.WaitGroup
	for i := range list {
		wg.Go(func() { results[i] = d.inspect(r.Context(), &list[i], in) })
	}
	wg.Wait()
	for i := range results {
		h := &results[i]
		s.code = max(s.code, int(h.Verdict))
		if !q.json {
			s.out = service.AppendHealth(s.out, h)
		}
		for j := range h.Looks {
			if l := &h.Looks[j]; l.Cause != "" {
				s.errOut = fmt.Appendf(s.errOut, "weaver: %s is %s: %s: %s\n", h.Name, l.Verdict, strings.TrimSpace(l.Kind+" "+l.What), l.Cause)
			}
		}
	}
	switch {
	case q.json && len(q.args) > 0:
		s.value(results[0])
	case q.json:
		s.value(results)
	case len(results) == 0:
		s.out = append(s.out, "no services\n"...)
	}
}

func readInspection(q hotQuery) (inspection, error) {
	in := inspection{endpoint: q.value("endpoint"), timeout: 5 * time.Second, retries: 3, interval: 100 * time.Millisecond}
	for name, field := range map[string]*time.Duration{"timeout": &in.timeout, "interval": &in.interval} {
		if word := q.value(name); word != "" {
			ms, ok := parseMS(word)
			if !ok {
				return in, fmt.Errorf("option `--%s' needs milliseconds, not %q", name, word)
			}
			*field = ms.D()
		}
	}
	if word := q.value("retries"); word != "" {
		n, err := strconv.Atoi(word)
		if err != nil || n < 0 {
			return in, fmt.Errorf("option `--retries' needs a number, not %q", word)
		}
		in.retries = max(n, 1)
	}
	if in.endpoint != "" && !strings.HasPrefix(in.endpoint, "http://") && !strings.HasPrefix(in.endpoint, "https://") {
		return in, fmt.Errorf("endpoint %q is no http or https URL", in.endpoint)
	}
	return in, nil
}

// inspect makes all checks of one service.
func (d *daemon) inspect(ctx context.Context, svc *service.Service, in inspection) service.Health {
	h := service.Health{Name: svc.Name, Looks: []service.Look{}}
	var mu sync.Mutex
	var wg sync.WaitGroup
	seen := map[string]bool{} // instances that share a port share an endpoint
	for i := range svc.Instances {
		p := &svc.Instances[i]
		if p.OnDemand { // it is as it is meant to be, and a look would start it
			mu.Lock()
			h.Looks = append(h.Looks, service.Look{ID: p.ID, Kind: "process", What: "on demand"})
			mu.Unlock()
			continue
		}
		if p.Status != app.Online {
			h.Looks = append(h.Looks, service.Look{ID: p.ID, Kind: "process", Verdict: service.Unhealthy, Cause: "it is " + notRunning(p)})
			continue
		}
		for _, probe := range d.probes(p, in) {
			if what := what(&probe); probe.Kind == app.ProbeHTTP && seen[what] {
				continue
			} else if probe.Kind == app.ProbeHTTP {
				seen[what] = true
			}
			wg.Go(func() {
				l := d.look(ctx, p, probe, in)
				mu.Lock()
				defer mu.Unlock()
				h.Looks = append(h.Looks, l)
			})
		}
	}
	wg.Wait()
	if len(h.Looks) == 0 {
		h.Looks = append(h.Looks, service.Look{ID: svc.Instances[0].ID, Kind: "process"})
	}
	slices.SortStableFunc(h.Looks, func(a, b service.Look) int { return int(a.ID - b.ID) })
	h.Judge()
	return h
}

func notRunning(p *app.Process) string {
	if p.Reason != "" {
		return string(p.Status) + ": " + p.Reason
	}
	return string(p.Status)
}

// given and seen are endpoints that nobody configured: a port that the app was given, or is seen to listen on.
const defaultEndpoint = "/health"

// processProbe stands for the process itself, which is online.
const processProbe app.ProbeKind = "process"

// probes are what a running process is checked by: what the caller names; else what is configured; else its port; else
// that it runs.
func (d *daemon) probes(p *app.Process, in inspection) []app.Probe {
	if in.endpoint != "" {
		return []app.Probe{{Kind: app.ProbeHTTP, URL: in.endpoint}}
	}
	var out []app.Probe
	if h := p.Spec.Health; h != nil {
		for _, probe := range []*app.Probe{h.Readiness, h.Liveness} {
			if probe != nil && probe.Kind.Asks() {
				out = append(out, *probe)
			}
		}
		if h.Endpoint != "" && !slices.ContainsFunc(out, func(o app.Probe) bool { return o.URL == h.Endpoint }) {
			out = append(out, app.Probe{Kind: app.ProbeHTTP, URL: h.Endpoint})
		}
	}
	if len(out) > 0 {
		return out
	}
	port := 0
	if p.Spec.Port != nil {
		port = *p.Spec.Port
	} else if text, ok := p.Spec.Env.Get("PORT"); ok {
		port, _ = strconv.Atoi(text) // no number is no port
	}
	seen := d.sup.Ports(p.ID)
	if len(seen) > 0 && !slices.Contains(seen, port) && p.Spec.Port == nil {
		port = seen[0]
	}
	if port == 0 {
		return []app.Probe{{Kind: processProbe}}
	}
	return []app.Probe{{Kind: app.ProbeHTTP, URL: "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) + defaultEndpoint, Port: port}}
}

// look makes one check, as often as it may be tried.
func (d *daemon) look(ctx context.Context, p *app.Process, probe app.Probe, in inspection) service.Look {
	l := service.Look{ID: p.ID, Kind: string(probe.Kind), What: what(&probe)}
	if probe.Kind == processProbe {
		if h := p.Health; h != nil && !h.Healthy {
			l.Verdict, l.Cause = service.Unhealthy, h.Cause
		}
		return l
	}
	probe.Timeout = app.Duration(in.timeout)
	for {
		began := time.Now()
		err := d.sup.Probe(ctx, p.ID, &probe)
		l.Took = app.Duration(time.Since(began))
		l.Tries++
		if errors.Is(err, health.ErrNotHTTP) && probe.Port != 0 { // a port of its own choice need not speak HTTP
			probe = app.Probe{Kind: app.ProbeTCP, Port: probe.Port, Timeout: probe.Timeout}
			l.Kind, l.What = string(probe.Kind), what(&probe)
			continue
		}
		l.Verdict, l.Cause = service.Healthy, ""
		if err == nil {
			return l
		}
		l.Verdict, l.Cause = service.Unhealthy, err.Error()
		var degraded *health.Degraded
		if errors.As(err, &degraded) {
			l.Verdict = service.Degraded
			return l
		}
		if l.Tries >= in.retries {
			return l
		}
		select {
		case <-ctx.Done():
			return l
		case <-time.After(in.interval):
		}
	}
}

// what is the object of a probe.
func what(p *app.Probe) string {
	switch p.Kind {
	case app.ProbeHTTP:
		return p.URL
	case app.ProbeTCP, app.ProbeGRPC:
		host := p.Host
		if host == "" {
			host = "127.0.0.1"
		}
		return net.JoinHostPort(host, strconv.Itoa(p.Port))
	case app.ProbeExec:
		return p.Command
	case app.ProbeFile:
		return p.Path
	}
	return ""
}
