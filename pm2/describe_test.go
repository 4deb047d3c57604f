package pm2

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/app"
)

func TestDescribeHasPM2sRows(t *testing.T) {
	list, _ := recorded(t, "jlist.json")
	at := recordedAt(list)
	for _, id := range []int{0, 3, 5} {
		p := list[id]
		require.Equal(t, app.ID(id), p.ID)
		p.Exit = nil // weaver's row about it would come between
		got := lines(string(AppendDescribe(nil, &p, DescribeOptions{Unicode: true, Now: at})))
		want := lines(string(fixture(t, "describe-"+p.ID.String()+".txt")))
		end := 0
		for !strings.HasPrefix(want[end], "└") {
			end++
		}
		assert.Equal(t, want[:end+1], got[:end+1])
		for _, hint := range got[end+2:] {
			assert.True(t, anyHasPrefix(want, hint), hint)
		}
	}
}

func anyHasPrefix(all []string, prefix string) bool {
	for _, s := range all {
		if strings.HasPrefix(s, prefix) {
			return true
		}
	}
	return false
}

func TestDescribeTellsWhatPM2DoesNotKnow(t *testing.T) {
	at := time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)
	p := process("api", 4, app.WaitingRestart)
	p.Reason, p.Membership, p.Gen = "exec /x: permission denied", "cgroup2", 7
	p.RestartAt = at.Add(1500 * time.Millisecond)
	p.Exit = &app.Exit{Signal: "SIGSEGV", Core: true, At: at}
	p.Usage.Procs, p.Usage.Threads = 3, 12
	p.Spec.Env = app.Env{{Name: "HOME", Value: "/srv"}, {Name: "ONLY", Value: "here"}, {Name: "SAME", Value: "1"}}
	out := string(AppendDescribe(nil, &p, DescribeOptions{
		Now: at, Program: "weaver", Unicode: true, Extra: []Row{{"ports", "8080, 8081"}},
		Local:  app.Env{{Name: "HOME", Value: "/root"}, {Name: "SAME", Value: "1"}},
		Recent: []app.Event{{At: at, Kind: app.EventExit, Exit: &app.Exit{Code: 3}}, {At: at, Kind: app.EventRestart, Delay: time.Second, Message: "crash"}},
	}))
	for _, row := range []string{
		"│ reason            │ exec /x: permission denied ", "│ last exit         │ SIGSEGV, core dumped, 2026-11-24T03:00:00.000Z │",
		"│ restart due       │ in 1.5s ", "│ starts            │ 7 ", "│ membership        │ cgroup2 ",
		"│ tree              │ 3 processes, 12 threads, 49.4mb, 0.2% ", "│ ports             │ 8080, 8081 ",
		"│ 2026-11-24T03:00:00.000Z │ exit, code 3 ", "│ restart, after 1s: crash │", "│ HOME │ /srv │", "Use `weaver logs api [",
	} {
		assert.Contains(t, out, row)
	}
	assert.NotContains(t, out, "SAME")
	assert.NotContains(t, out, "ONLY")
}

func TestLongTextsAreWrapped(t *testing.T) {
	p := process("api", 0, app.Online)
	p.Spec.Script = "/a/very/long/path/" + strings.Repeat("x", 100) + "/end.js"
	p.Spec.Args = strings.Fields(strings.Repeat("word ", 40))
	out := string(AppendDescribe(nil, &p, DescribeOptions{Width: 80, Unicode: true}))
	var script, args string
	name := ""
	for _, line := range lines(out) {
		cells := strings.Split(line, "│")
		if len(cells) != 4 {
			continue
		}
		if s := strings.TrimSpace(cells[1]); s != "" {
			name = s
		}
		switch name {
		case "script path":
			script += strings.TrimSpace(cells[2])
		case "script args":
			assert.NotContains(t, strings.ReplaceAll(cells[2], "word", ""), "w", "words are whole")
			args += strings.TrimSpace(cells[2]) + " "
		}
	}
	assert.Equal(t, p.Spec.Script, script)
	assert.Equal(t, strings.Repeat("word ", 40), args)
}

func TestMiniListIsPM2s(t *testing.T) {
	list, _ := recorded(t, "jlist.json")
	got := string(AppendMini(nil, list, TableOptions{Now: recordedAt(list)}))
	want := string(fixture(t, "mini.txt"))
	// PM2 prints a version that is not there as undefined.
	assert.Equal(t, strings.ReplaceAll(want, "version : undefined", "version : N/A"), got)
	assert.Equal(t, got, string(AppendTable(nil, list, TableOptions{Mini: true, Now: recordedAt(list)})))
}

func TestEnvListIsPM2s(t *testing.T) {
	list, _ := recorded(t, "jlist.json")
	for _, id := range []int{0, 3, 5} {
		want := lines(string(fixture(t, "env-"+list[id].ID.String()+".txt")))
		got := lines(string(AppendEnvList(nil, &list[id])))
		// Where a version was noted depends on when the child answered.
		moved := func(all []string) (kept []string) {
			for _, l := range all {
				if !strings.HasPrefix(l, "node_version: ") && !strings.HasPrefix(l, "version: ") {
					kept = append(kept, l)
				}
			}
			return kept
		}
		assert.Equal(t, moved(want), moved(got))
		assert.ElementsMatch(t, want, got)
	}
}
