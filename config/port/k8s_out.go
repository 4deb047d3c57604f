package port

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"weaver/app"
)

// k8s makes a Deployment of each app, with a Service where it has a port; a CronJob of what runs at set times and ends.
func (w *writer) k8s(list []*product) {
	for _, p := range list {
		var docs []tree
		switch {
		case p.job():
			docs = []tree{w.cronJob(p)}
		default:
			docs = []tree{w.deployment(p)}
			if p.CronRestart != "" {
				w.say(p, "cron_restart: a Deployment is not restarted at set times: a CronJob with kubectl rollout restart would")
			}
			if port := p.port(); port > 0 {
				docs = append(docs, tree{
					{key: "apiVersion", val: "v1"},
					{key: "kind", val: "Service"},
					{key: "metadata", val: p.metadata()},
					{key: "spec", val: tree{
						{key: "selector", val: p.labels()},
						{key: "ports", val: []any{tree{{key: "port", val: port}, {key: "targetPort", val: port}}}},
					}},
				})
			}
		}
		text := []byte("# Made by weaver export k8s.\n")
		if len(p.secrets) > 0 {
			text = append(text, fmt.Sprintf("# Its secrets: kubectl create secret generic %s-secrets", p.id)...)
			for _, name := range p.secrets {
				text = append(text, " --from-literal="+name+"=…"...)
			}
			text = append(text, '\n')
			w.say(p, "its secrets belong into a Secret called %s-secrets", p.id)
		}
		for i, doc := range docs {
			if i > 0 {
				text = append(text, "---\n"...)
			}
			text = appendYAML(text, doc, 0)
		}
		for _, d := range p.DependsOn {
			w.say(p, "depends_on: Kubernetes starts nothing in order: it has to wait for %s itself", d.Name)
		}
		w.file(p.id+".yaml", text)
	}
}

func (p *product) labels() tree { return tree{{key: "app", val: p.id}} }

func (p *product) metadata() tree {
	return tree{{key: "name", val: p.id}, {key: "labels", val: p.labels()}}
}

func (w *writer) deployment(p *product) tree {
	if !app.IsTrue(p.AutoRestart) || p.onFailure() {
		w.say(p, "a Deployment starts it again whatever it ends with: a Job fits what ends")
	}
	replicas := p.count
	if !app.IsTrue(p.AutoStart) {
		replicas = 0
		w.say(p, "autostart is off: replicas is 0")
	}
	return tree{
		{key: "apiVersion", val: "apps/v1"},
		{key: "kind", val: "Deployment"},
		{key: "metadata", val: p.metadata()},
		{key: "spec", val: tree{
			{key: "replicas", val: replicas},
			{key: "selector", val: tree{{key: "matchLabels", val: p.labels()}}},
			{key: "template", val: tree{{key: "metadata", val: tree{{key: "labels", val: p.labels()}}}, {key: "spec", val: w.pod(p, "")}}},
		}},
	}
}

func (w *writer) cronJob(p *product) tree {
	schedule := p.CronRestart
	if f := strings.Fields(schedule); len(f) == 6 {
		schedule = strings.Join(f[1:], " ")
		w.say(p, "cron_restart: Kubernetes knows no seconds: %s is taken", schedule)
	}
	return tree{
		{key: "apiVersion", val: "batch/v1"},
		{key: "kind", val: "CronJob"},
		{key: "metadata", val: p.metadata()},
		{key: "spec", val: tree{
			{key: "schedule", val: schedule},
			{key: "concurrencyPolicy", val: "Forbid"},
			{key: "jobTemplate", val: tree{{key: "spec", val: tree{
				{key: "backoffLimit", val: 0},
				{key: "template", val: tree{{key: "spec", val: w.pod(p, "Never")}}},
			}}}},
		}},
	}
}

func (w *writer) pod(p *product, restart string) tree {
	c := tree{{key: "name", val: p.id}}
	c = append(c, pair{key: "image", val: w.image(p), comment: "a placeholder: an image that holds " + p.Script})
	c.set("command", words(kubeWords(p.argv[:1])))
	c.fill("args", words(kubeWords(p.argv[1:])))
	c.fill("workingDir", p.Cwd)
	var env []any
	for _, v := range p.env {
		if v.Name != "PATH" { // the image has one of its own
			env = append(env, tree{{key: "name", val: v.Name}, {key: "value", val: kubeWord(v.Value)}})
		}
	}
	for _, name := range p.secrets {
		ref := tree{{key: "name", val: p.id + "-secrets"}, {key: "key", val: name}}
		env = append(env, tree{{key: "name", val: name}, {key: "valueFrom", val: tree{{key: "secretKeyRef", val: ref}}}})
	}
	c.fill("env", env)
	if port := p.port(); port > 0 && restart == "" {
		c.set("ports", []any{tree{{key: "containerPort", val: port}}})
	}
	limits := tree{}
	if p.MaxCPU > 0 {
		limits.set("cpu", fmt.Sprintf("%dm", max(1, int(p.MaxCPU*10+0.5))))
	}
	if n := w.memory(p); n > 0 {
		limits.set("memory", kubeBytes(n))
	}
	if len(limits) > 0 {
		c.set("resources", tree{{key: "limits", val: limits}})
	}
	if h := p.Health; h != nil && restart == "" {
		c.fill("startupProbe", w.kubeProbe(p, "startup", h.Startup))
		c.fill("readinessProbe", w.kubeProbe(p, "readiness", h.Readiness))
		c.fill("livenessProbe", w.kubeProbe(p, "liveness", h.Liveness))
	}
	if p.killSignal() != "SIGTERM" {
		w.say(p, "kill_signal: Kubernetes sends what the image's STOPSIGNAL says, SIGTERM without one, not %s", p.killSignal())
	}
	if p.MaxPIDs > 0 || len(p.limits()) > 0 {
		w.say(p, "max_pids and limits are the node's to set")
	}
	if len(p.Listen) > 0 {
		w.say(p, "listen: its sockets are not handed to it: it has to open them itself")
	}
	w.unlimited(p)
	pod := tree{{key: "containers", val: []any{c}}}
	if restart != "" {
		pod.set("restartPolicy", restart)
	}
	pod.set("terminationGracePeriodSeconds", max(1, seconds(p.killTimeout())))
	security := tree{}
	for _, a := range []struct{ key, id string }{{"runAsUser", p.User}, {"runAsGroup", p.Group}} {
		if a.id == "" {
			continue
		}
		if n, err := strconv.Atoi(a.id); err == nil {
			security.set(a.key, n)
			continue
		}
		w.say(p, "%s: Kubernetes takes a number, not %s", a.key, a.id)
	}
	pod.fill("securityContext", security)
	return pod
}

func (w *writer) kubeProbe(p *product, what string, probe *app.Probe) tree {
	if probe == nil {
		return nil
	}
	var t tree
	switch probe.Kind {
	case app.ProbeHTTP:
		u, err := url.Parse(probe.URL)
		if err != nil {
			return nil
		}
		get := tree{{key: "path", val: orElse(u.RequestURI(), "/")}}
		port, err := strconv.Atoi(u.Port())
		if err != nil {
			if port = 80; u.Scheme == "https" {
				port = 443
			}
		}
		get.set("port", port)
		if u.Scheme == "https" {
			get.set("scheme", "HTTPS")
		}
		t.set("httpGet", get)
	case app.ProbeTCP:
		t.set("tcpSocket", tree{{key: "port", val: probe.Port}})
	case app.ProbeGRPC:
		get := tree{{key: "port", val: probe.Port}}
		get.fill("service", probe.Service)
		t.set("grpc", get)
	case app.ProbeExec:
		t.set("exec", tree{{key: "command", val: []any{"sh", "-c", probe.Command}}})
	case app.ProbeFile:
		t.set("exec", tree{{key: "command", val: []any{"test", "-e", probe.Path}}})
	default:
		w.say(p, "%s by %s has no counterpart", what, probe.Kind)
		return nil
	}
	every, timeout, failures := probe.Interval, probe.Timeout, probe.Failures
	if every == 0 {
		every = app.ProbeInterval
	}
	if timeout == 0 {
		timeout = app.ProbeTimeout
	}
	if failures == 0 {
		failures = app.ProbeFailures
	}
	if what != "liveness" { // which is waited for as long as it may take
		within := probe.Within
		if within == 0 {
			within = app.ProbeWithin
		}
		if what == "startup" {
			failures = max(1, seconds(within.D())/max(1, seconds(every.D())))
		}
	}
	t.fill("initialDelaySeconds", seconds(probe.Delay.D()))
	t.set("periodSeconds", max(1, seconds(every.D())))
	t.set("timeoutSeconds", max(1, seconds(timeout.D())))
	if what == "readiness" && probe.Successes > 1 {
		t.set("successThreshold", probe.Successes)
	}
	t.set("failureThreshold", failures)
	return t
}

func kubeBytes(n int64) string {
	s := bytesText(n)
	if strings.IndexByte("KMG", s[len(s)-1]) >= 0 {
		s += "i"
	}
	return s
}

// kubeWord keeps Kubernetes from replacing $(NAME), and $$ by one.
func kubeWord(s string) string {
	if !strings.Contains(s, "$(") && !strings.Contains(s, "$$") {
		return s
	}
	return strings.ReplaceAll(s, "$", "$$")
}

func kubeWords(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = kubeWord(s)
	}
	return out
}
