package config

import (
	"fmt"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"weaver/app"
)

// probeKinds are the words of "type", and of the short form TYPE:WHAT.
var probeKinds = []app.ProbeKind{
	app.ProbeHTTP, app.ProbeTCP, app.ProbeExec, app.ProbeGRPC, app.ProbeFile, app.ProbeListening, app.ProbeLog, app.ProbeNotify,
	app.ProbeFD, app.ProbeHeartbeat,
}

// health brings "health", "startup", "readiness" and "liveness" together, under the key health.
func (v values) health() error {
	var h app.Health
	port, _ := v["port"].(int)
	for _, part := range []struct {
		key   string
		probe **app.Probe
		never []app.ProbeKind
	}{
		{"startup", &h.Startup, []app.ProbeKind{app.ProbeHeartbeat}},
		{"readiness", &h.Readiness, []app.ProbeKind{app.ProbeHeartbeat}},
		{"liveness", &h.Liveness, []app.ProbeKind{app.ProbeLog, app.ProbeNotify, app.ProbeFD}},
	} {
		given, ok := v[part.key]
		if !ok || falsy(given) {
			continue
		}
		p, err := probe(part.key, given, port)
		if err != nil {
			return err
		}
		if slices.Contains(part.never, p.Kind) {
			return fmt.Errorf("%q cannot be told by %s", part.key, p.Kind)
		}
		*part.probe = p
	}
	if err := v.simpleHealth(&h, port); err != nil {
		return err
	}
	delete(v, "health")
	if h != (app.Health{}) {
		v["health"] = &h
	}
	return nil
}

// simpleHealth reads "health": {enabled, endpoint, tcp_port, interval, timeout, retries, startup_delay}, or one endpoint.
func (v values) simpleHealth(h *app.Health, port int) error {
	given, ok := v["health"]
	if !ok {
		return nil
	}
	o, isObject := given.(object)
	if text, ok := given.(string); ok && text != "" {
		o, isObject = object{{"endpoint", text}}, true
	}
	if !isObject {
		if given == true {
			return fmt.Errorf(`"health" has to say what to look at: an endpoint, or {endpoint}, {tcp_port}`)
		}
		return nil
	}
	enabled := true
	var rest object
	for _, m := range o {
		switch m.key {
		case "enabled":
			if enabled, ok = m.val.(bool); !ok {
				return fmt.Errorf(`health.enabled is true or false, but now is %s`, clip(text(m.val)))
			}
		case "retries":
			rest.set("failure_threshold", m.val)
		case "startup_delay":
			rest.set("delay", m.val)
		case "tcp_port":
			rest.set("type", "tcp")
			rest.set("port", m.val)
		case "endpoint":
			h.Endpoint = text(m.val)
			rest.set("url", m.val)
		default:
			rest.set(m.key, m.val)
		}
	}
	if _, ok := rest.get("type"); !ok {
		rest.set("type", "http")
	}
	if kind, _ := rest.get("type"); kind == "tcp" && h.Endpoint != "" { // both: the endpoint is looked at
		rest.set("type", "http")
	}
	p, err := probe("health", rest, port)
	if err != nil {
		return err
	}
	if p.Kind == app.ProbeHTTP {
		h.Endpoint = p.URL
	}
	if enabled && h.Liveness == nil {
		h.Liveness = p
	}
	return nil
}

// probe reads one, or its short form TYPE:WHAT.
func probe(key string, given any, port int) (*app.Probe, error) {
	o, ok := given.(object)
	if text, isText := given.(string); isText {
		var err error
		if o, err = shortProbe(key, text); err != nil {
			return nil, err
		}
		ok = true
	}
	if !ok {
		return nil, fmt.Errorf("%q has to be an object or a text, but now is %s", key, typeName(given))
	}
	var p app.Probe
	if err := fillProbe(&p, key, o); err != nil {
		return nil, err
	}
	return &p, finishProbe(&p, key, port)
}

// shortProbe is http://…, https://…, tcp:PORT, tcp:HOST:PORT, exec:COMMAND, grpc:PORT, file:PATH, listening, listening:PORT,
// log:PATTERN, notify, fd:N, heartbeat.
func shortProbe(key, s string) (object, error) {
	if strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://") || strings.HasPrefix(s, "/") {
		return object{{"type", "http"}, {"url", s}}, nil
	}
	kind, what, _ := strings.Cut(s, ":")
	o := object{{"type", kind}}
	field := map[string]string{
		"http": "url", "exec": "command", "file": "path", "log": "pattern", "fd": "fd", "listening": "port", "tcp": "port", "grpc": "port",
		"heartbeat": "interval", "notify": "",
	}
	name, ok := field[kind]
	if !ok {
		return nil, fmt.Errorf("%s %q is no probe: http://…, tcp:PORT, exec:COMMAND, grpc:PORT, file:PATH, listening, log:PATTERN, notify, fd:N, heartbeat", key, clip(s))
	}
	if (kind == "tcp" || kind == "grpc") && strings.Contains(what, ":") {
		at := strings.LastIndexByte(what, ':')
		o.set("host", what[:at])
		what = what[at+1:]
	}
	if what != "" && name != "" {
		o.set(name, what)
	}
	return o, nil
}

func fillProbe(p *app.Probe, key string, o object) error {
	texts := map[string]*string{"url": &p.URL, "endpoint": &p.URL, "host": &p.Host, "command": &p.Command, "service": &p.Service, "path": &p.Path, "pattern": &p.Pattern, "hook": &p.Hook}
	spans := map[string]*app.Duration{"interval": &p.Interval, "timeout": &p.Timeout, "delay": &p.Delay, "start_delay": &p.Delay, "within": &p.Within, "max_age": &p.MaxAge}
	counts := map[string]*int{"port": &p.Port, "fd": &p.FD, "success_threshold": &p.Successes, "failure_threshold": &p.Failures, "retries": &p.Failures}
	names := []string{"type", "action"}
	for k := range texts {
		names = append(names, k)
	}
	for k := range spans {
		names = append(names, k)
	}
	for k := range counts {
		names = append(names, k)
	}
	for _, m := range o {
		word := text(m.val)
		switch {
		case m.key == "type":
			p.Kind = app.ProbeKind(word)
		case m.key == "action" || m.key == "actions":
			if err := fillActions(p, key, m.val); err != nil {
				return err
			}
		case texts[m.key] != nil:
			*texts[m.key] = word
		case spans[m.key] != nil:
			d, err := app.ParseDuration(word)
			if err != nil || d < 0 {
				return fmt.Errorf("%s.%s has to be milliseconds or a duration, but now is %s", key, m.key, clip(word))
			}
			*spans[m.key] = d
		case counts[m.key] != nil:
			n, err := strconv.Atoi(word)
			if err != nil || n < 0 || n > math.MaxUint16 {
				return fmt.Errorf("%s.%s has to be a whole number from 0, but now is %s", key, m.key, clip(word))
			}
			*counts[m.key] = n
		default:
			err := saidf("unknown key %s.%s", key, clip(m.key))
			slices.Sort(names)
			if near := Nearest(m.key, names); near != "" {
				err.try("did you mean %q?", near)
			}
			return err
		}
	}
	return nil
}

func fillActions(p *app.Probe, key string, given any) error {
	list, ok := given.([]any)
	if !ok {
		list = []any{given}
	}
	for _, e := range list {
		word := text(e)
		name, arg, _ := strings.Cut(word, ":")
		switch name {
		case "none", "reload", "restart", "stop":
			ok = arg == ""
		case "nothing":
			word, ok = "none", arg == ""
		case "hook":
			ok = true
			if arg != "" {
				p.Hook, word = arg, "hook"
			}
		case "signal":
			sig, err := Signal(arg)
			if err != nil {
				return fmt.Errorf("%s.action: %w", key, err)
			}
			word, ok = "signal:"+sig, true
		default:
			ok = false
		}
		if !ok {
			return fmt.Errorf("%s.action has to be none, signal:NAME, reload, restart, stop or hook, but now is %s", key, clip(word))
		}
		p.Actions = append(p.Actions, word)
	}
	return nil
}

// finishProbe checks that a probe has what its kind needs.
func finishProbe(p *app.Probe, key string, port int) error {
	need := func(name, value string) error {
		if value == "" {
			return fmt.Errorf("%s: %s needs %q", key, p.Kind, name)
		}
		return nil
	}
	if slices.Contains(p.Actions, "hook") && p.Hook == "" {
		return fmt.Errorf(`%s: the action hook needs "hook", a command`, key)
	}
	if p.Port == 0 && (p.Kind == app.ProbeTCP || p.Kind == app.ProbeGRPC) {
		p.Port = port
	}
	switch p.Kind {
	case "":
		return fmt.Errorf(`%s needs "type"`, key)
	case app.ProbeHTTP:
		if strings.HasPrefix(p.URL, "/") || p.URL == "" && (p.Port > 0 || port > 0) {
			at := p.Port
			if at == 0 {
				at = port
			}
			if at == 0 {
				return fmt.Errorf("%s: %s is a path: give a whole URL, or the app a port", key, clip(p.URL))
			}
			p.URL = "http://127.0.0.1:" + strconv.Itoa(at) + "/" + strings.TrimPrefix(p.URL, "/")
		}
		if err := need("endpoint", p.URL); err != nil {
			return err
		}
		u, err := url.Parse(p.URL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return fmt.Errorf("%s: %q is no http or https URL", key, clip(p.URL))
		}
	case app.ProbeTCP, app.ProbeGRPC:
		if p.Port == 0 {
			return fmt.Errorf(`%s: %s needs "port"`, key, p.Kind)
		}
	case app.ProbeExec:
		return need("command", p.Command)
	case app.ProbeFile:
		return need("path", p.Path)
	case app.ProbeLog:
		if _, err := regexp.Compile(p.Pattern); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		return need("pattern", p.Pattern)
	case app.ProbeFD:
		if p.FD == 0 {
			p.FD = 3
		}
		if p.FD < 3 || p.FD > 64 {
			return fmt.Errorf("%s: descriptor %d is not from 3 to 64", key, p.FD)
		}
	case app.ProbeListening, app.ProbeNotify, app.ProbeHeartbeat:
	default:
		kinds := make([]string, len(probeKinds))
		for i, k := range probeKinds {
			kinds[i] = string(k)
		}
		err := saidf("%s: unknown type %q", key, clip(string(p.Kind)))
		if near := Nearest(string(p.Kind), kinds); near != "" {
			err.try("did you mean %q?", near)
		}
		return err
	}
	return nil
}
