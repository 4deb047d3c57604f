package config

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weaver/app"
)

func healthOf(t *testing.T, text string) (*app.Health, []Problem) {
	t.Helper()
	tree, err := parseJSONish("x.json", []byte(text))
	require.NoError(t, err)
	vals, warnings, errs := check(tree.(object), Context{})
	require.Empty(t, warnings)
	h, _ := vals["health"].(*app.Health)
	return h, errs
}

func TestHealthInItsForms(t *testing.T) {
	h, errs := healthOf(t, `{port: 3000, health: {enabled: true, endpoint: "/up", interval: 2000, timeout: "1s", retries: 2, startup_delay: 500, action: ["signal:hup", "restart"]}}`)
	require.Empty(t, errs)
	require.Equal(t, &app.Probe{
		Kind: app.ProbeHTTP, URL: "http://127.0.0.1:3000/up", Interval: app.Duration(2 * time.Second), Timeout: app.Duration(time.Second),
		Failures: 2, Delay: app.Duration(500 * time.Millisecond), Actions: []string{"signal:SIGHUP", "restart"},
	}, h.Liveness)
	require.Equal(t, "http://127.0.0.1:3000/up", h.Endpoint)

	h, errs = healthOf(t, `{health: {enabled: false, endpoint: "http://x/y"}}`)
	require.Empty(t, errs)
	require.Nil(t, h.Liveness)
	require.Equal(t, "http://x/y", h.Endpoint)

	h, errs = healthOf(t, `{health: {tcp_port: 5432}, readiness: "notify", startup: "log:listening on", liveness: {type: "exec", command: "x", hook: "y", action: "hook"}}`)
	require.Empty(t, errs)
	require.Equal(t, app.ProbeNotify, h.Readiness.Kind)
	require.Equal(t, "listening on", h.Startup.Pattern)
	require.Equal(t, "y", h.Liveness.Hook)

	for text, want := range map[string]app.Probe{
		"tcp:80": {Kind: app.ProbeTCP, Port: 80}, "tcp:db:5432": {Kind: app.ProbeTCP, Host: "db", Port: 5432}, "fd:3": {Kind: app.ProbeFD, FD: 3},
		"fd": {Kind: app.ProbeFD, FD: 3}, "listening": {Kind: app.ProbeListening}, "file:/run/x": {Kind: app.ProbeFile, Path: "/run/x"},
		"exec:a b:c": {Kind: app.ProbeExec, Command: "a b:c"}, "http://h/": {Kind: app.ProbeHTTP, URL: "http://h/"}, "grpc:1": {Kind: app.ProbeGRPC, Port: 1},
	} {
		p, err := probe("readiness", text, 0)
		require.NoError(t, err, text)
		require.Equal(t, &want, p, text)
	}
}

func TestHealthSaysWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		`{health: {endpoint: "/up"}}`:                        "health: /up is a path: give a whole URL, or the app a port",
		`{readiness: "tpc:80"}`:                              `readiness "tpc:80" is no probe`,
		`{readiness: {type: "htp"}}`:                         `readiness: unknown type "htp"`,
		`{readiness: {type: "tcp"}}`:                         `readiness: tcp needs "port"`,
		`{readiness: "heartbeat"}`:                           `"readiness" cannot be told by heartbeat`,
		`{liveness: "notify"}`:                               `"liveness" cannot be told by notify`,
		`{liveness: {type: "tcp", port: 1, action: "rm"}}`:   "liveness.action has to be none",
		`{liveness: {type: "tcp", port: 1, acton: "stop"}}`:  "unknown key liveness.acton",
		`{liveness: {type: "tcp", port: 1, action: "hook"}}`: `the action hook needs "hook"`,
		`{liveness: {type: "log", pattern: "("}}`:            "liveness: error parsing regexp",
		`{liveness: {type: "tcp", port: "many"}}`:            "liveness.port has to be a whole number",
		`{liveness: {type: "tcp", port: 1, interval: "x"}}`:  "liveness.interval has to be milliseconds",
		`{health: true}`:                                     `"health" has to say what to look at`,
	} {
		_, errs := healthOf(t, text)
		require.Len(t, errs, 1, text)
		require.Contains(t, errs[0].Message, want, text)
	}
}
