package service

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weaver/app"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func TestAServiceIsWhatItsMostImportantInstanceIs(t *testing.T) {
	for _, c := range []struct {
		statuses []app.Status
		want     State
	}{
		{[]app.Status{app.Errored, app.Online, app.Stopped}, Running},
		{[]app.Status{app.Errored, app.Launching}, Starting},
		{[]app.Status{app.WaitingRestart, app.Stopping}, Starting},
		{[]app.Status{app.Stopped, app.Stopping}, Stopping},
		{[]app.Status{app.Stopped, app.Errored}, Errored},
		{[]app.Status{app.Stopped}, Stopped},
	} {
		s := Service{Name: "x"}
		for _, st := range c.statuses {
			s.Instances = append(s.Instances, app.Process{Status: st})
		}
		require.Equal(t, c.want, s.Status(now).State, "%v", c.statuses)
	}
}

func TestStatusSumsInstancesUp(t *testing.T) {
	list := []app.Process{
		{Name: "web", Status: app.Online, PID: 7, Started: now.Add(-3 * time.Second), Restarts: 2, Usage: app.Usage{CPU: 12.34, Memory: 3 << 20, Threads: 4}},
		{Name: "db", Status: app.Stopped},
		{Name: "web", Status: app.Errored, Restarts: 1, Reason: "exited with code 3"},
	}
	groups := Group(list)
	require.Len(t, groups, 2)
	require.Equal(t, "web", groups[0].Name)
	st := groups[0].Status(now)
	require.Equal(t, `Name: web
Status: RUNNING (online)
Uptime: 3.0 s
Restarts: 3
Instances: 2 (1 running)
PID: 7
CPU: 12.3%
Memory: 3.0 MB
Threads: 4
Reason: exited with code 3
`, string(AppendStatus(nil, &st)))
	_, ok := Find(list, "nope")
	require.False(t, ok)
}

func TestSpans(t *testing.T) {
	for n, want := range map[float64]string{
		0: "0.0 s", 0.25: "0.2 s", 59.94: "59.9 s", 61: "61.0 s (1m 1s)", 3600: "3600.0 s (1h)", 93784: "93784.0 s (1d 2h)",
	} {
		require.Equal(t, want, seconds(n))
	}
}

func TestSortPutsTheLargestFirst(t *testing.T) {
	list := []Status{{Name: "a", CPU: 1, Memory: 9}, {Name: "b", CPU: 2, Memory: 3}}
	require.True(t, Sort(list, "cpu"))
	require.Equal(t, "b", list[0].Name)
	require.True(t, Sort(list, "memory"))
	require.Equal(t, "a", list[0].Name)
	require.False(t, Sort(list, "colour"))
}

// What is told is read here as Prometheus would: each series once, each family in one piece, with what it is.
func TestExposition(t *testing.T) {
	list := []app.Process{
		{
			ID: 3, Name: `a"b`, Namespace: "x\ny", Status: app.Online, PID: 7, Started: now.Add(-time.Minute), Restarts: 2, Unstable: 1,
			Exit: &app.Exit{Signal: "SIGKILL"}, Health: &app.HealthState{Healthy: true},
			Usage: app.Usage{CPU: 50, CPUTime: 1500 * time.Millisecond, Memory: 1 << 20, Threads: 4, Procs: 2},
		},
		{ID: 4, Name: `a"b`, Namespace: "x\ny", Status: app.Errored, Exit: &app.Exit{Code: 3}},
		{ID: 5, Name: "c", Namespace: "default", Status: app.Stopped, Exit: &app.Exit{Err: "exec: no"}},
		{ID: 6, Name: "bad\xff", Namespace: "default", Status: app.Stopped},
	}
	past := &Past{}
	for _, e := range []app.Event{
		{Kind: app.EventStart, Manually: true, Cause: "weaver start"},
		{Kind: app.EventExit, Exit: &app.Exit{Code: 3}},
		{Kind: app.EventStart},
		{Kind: app.EventExit, Exit: &app.Exit{Signal: "SIGSEGV"}},
		{Kind: app.EventStart},
		{Kind: app.EventExit, Exit: &app.Exit{}},
		{Kind: app.EventStart},
		{Kind: app.EventExit, Exit: &app.Exit{Signal: "SIGKILL", OOM: true}},
		{Kind: app.EventExit, Exit: &app.Exit{Signal: "SIGINT"}, Asked: true},
		{Kind: app.EventStart, Cause: "watch: /a.js changed"},
		{Kind: app.EventExit, Exit: &app.Exit{Err: "exec: no"}},
		{Kind: app.EventStart, Cause: "cron * * * * *, due then"},
		{Kind: app.EventStart, Cause: "memory: the tree used much"},
		{Kind: app.EventStart, Cause: "unhealthy: timeout"},
		{Kind: app.EventStart, Cause: "not ready within 1s"},
		{Kind: app.EventStart, Cause: "on demand: somebody connected"},
		{Kind: app.EventStart, Cause: "what it waited for is there"},
		{Kind: app.EventStart, Cause: "the supervisor started, and"},
		{Kind: app.EventStart, Cause: "something new"},
		{Kind: app.EventOverlimit},
		{Kind: app.EventWarning},
	} {
		past.Note(&e)
	}
	x := &Exposition{Processes: list, Past: func(name string) *Past {
		if name == `a"b` {
			return past
		}
		return nil
	}}
	for _, s := range Group(list) {
		x.Services = append(x.Services, s.Status(now))
	}
	x.Supervisor = &Supervisor{Version: "1.2.3", GoVersion: "go1", Started: now, CPU: 0.25, Hits: map[string]uint64{"status": 5}, Durable: true}
	out := string(AppendPrometheus(nil, x))

	values := map[string]string{}
	family, families := "", map[string]string{}
	for _, line := range strings.Split(strings.TrimSuffix(out, "\n"), "\n") {
		if rest, ok := strings.CutPrefix(line, "# HELP "); ok {
			family, _, _ = strings.Cut(rest, " ")
			require.NotContains(t, families, family, "a family is in one piece")
			families[family] = ""
			continue
		}
		if rest, ok := strings.CutPrefix(line, "# TYPE "); ok {
			name, kind, _ := strings.Cut(rest, " ")
			require.Equal(t, family, name)
			require.Equal(t, kind == "counter", strings.HasSuffix(name, "_total"), name)
			families[family] = kind
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		name, _, _ := strings.Cut(line[:at], "{")
		require.Equal(t, family, name)
		require.NotEmpty(t, families[family])
		require.NotContains(t, values, line[:at], "each series is told once")
		values[line[:at]] = line[at+1:]
	}
	ab, three := `{service="a\"b"`, `{service="a\"b",namespace="x\ny",id="3"}`
	four := strings.Replace(three, "3", "4", 1)
	for series, want := range map[string]string{
		"weaver_service_up" + ab + "}": "1", "weaver_service_running_instances" + ab + "}": "1", "weaver_service_cpu_ratio" + ab + "}": "0.5",
		"weaver_service_state" + ab + `,state="RUNNING"}`: "1", "weaver_service_state" + ab + `,state="ERRORED"}`: "0",
		`weaver_service_state{service="c",state="STOPPED"}`: "1",
		"weaver_process_up" + three:                         "1", "weaver_process_up" + four: "0", "weaver_process_restarts_total" + three: "2",
		"weaver_process_unstable_restarts" + three: "1", "weaver_process_cpu_seconds_total" + three: "1.5",
		"weaver_process_start_time_seconds" + three: "1.767322985e+09", "weaver_process_resident_memory_bytes" + three: "1.048576e+06",
		"weaver_process_tree_processes" + three: "2", "weaver_process_last_exit_code" + three: "137", "weaver_process_last_exit_code" + four: "3",
		"weaver_process_healthy" + three: "1", "weaver_process_healthy" + four: "",
		"weaver_process_start_time_seconds" + four: "", `weaver_process_last_exit_code{service="c",namespace="default",id="5"}`: "",
		"weaver_process_up{service=\"bad\uFFFD\",namespace=\"default\",id=\"6\"}": "0",
		"weaver_service_starts_total" + ab + `,cause="command"}`:                  "1", "weaver_service_starts_total" + ab + `,cause="exit"}`: "3",
		"weaver_service_starts_total" + ab + `,cause="watch"}`: "1", "weaver_service_starts_total" + ab + `,cause="schedule"}`: "1",
		"weaver_service_starts_total" + ab + `,cause="memory"}`: "1", "weaver_service_starts_total" + ab + `,cause="health"}`: "2",
		"weaver_service_starts_total" + ab + `,cause="demand"}`: "1", "weaver_service_starts_total" + ab + `,cause="dependency"}`: "1",
		"weaver_service_starts_total" + ab + `,cause="boot"}`: "1", "weaver_service_starts_total" + ab + `,cause="other"}`: "1",
		"weaver_service_exits_total" + ab + `,how="error"}`: "1", "weaver_service_exits_total" + ab + `,how="signal"}`: "1",
		"weaver_service_exits_total" + ab + `,how="success"}`: "1", "weaver_service_exits_total" + ab + `,how="oom"}`: "1",
		"weaver_service_exits_total" + ab + `,how="asked"}`: "1", "weaver_service_exits_total" + ab + `,how="failed"}`: "1",
		"weaver_service_given_up_total" + ab + "}": "1", `weaver_service_given_up_total{service="c"}`: "0",
		`weaver_build_info{version="1.2.3",goversion="go1"}`: "1", `weaver_cache_hits_total{cache="status"}`: "5",
		"process_cpu_seconds_total": "0.25", "weaver_state_durable": "1",
	} {
		require.Equal(t, want, values[series], series)
	}
	x.Supervisor = nil
	require.NotContains(t, string(AppendPrometheus(nil, x)), "process_cpu_seconds_total{}", "node_exporter's own are not touched")
	require.NotContains(t, string(AppendPrometheus(nil, x)), "weaver_build_info")
	require.Empty(t, string(AppendPrometheus(nil, &Exposition{})), "of nothing nothing is told")
}
