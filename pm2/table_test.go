package pm2

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"weaver/app"
)

func TestTableIsPM2sAtEveryWidth(t *testing.T) {
	list, _ := recorded(t, "table.json")
	for i := range list {
		if list[i].Spec.Username != "" {
			list[i].User = list[i].Spec.Username
		}
	}
	at := startOf(list, "api") // the one that was started at the moment of the recording
	for _, width := range []int{0, 139, 138, 135, 80, 73, 72, 60} {
		got := string(AppendTable(nil, list, TableOptions{Width: width, Unicode: true, Now: at}))
		assert.Equal(t, lines(string(fixture(t, fmt.Sprintf("table-%d.txt", width)))), lines(got), width)
	}
}

// TestLongNamesAreCutWherePM2CutsThem looks at the widths at which each of PM2's layouts leaves no room.
func TestLongNamesAreCutWherePM2CutsThem(t *testing.T) {
	list, _ := recorded(t, "long.json")
	at := startOf(list, "api")
	for _, width := range []int{164, 79, 55} {
		got := string(AppendTable(nil, list, TableOptions{Width: width, Unicode: true, Now: at}))
		assert.Equal(t, lines(string(fixture(t, fmt.Sprintf("long-%d.txt", width)))), lines(got), width)
	}
	wide := string(AppendTable(nil, list, TableOptions{Width: 200, Unicode: true, Now: at}))
	assert.Contains(t, wide, "a-name-of-well-over-forty-characters-that-has-to-be-cut ", "where there is room, a name is whole")
}

func startOf(list []app.Process, name string) time.Time {
	for _, p := range list {
		if p.Name == name {
			return p.Started
		}
	}
	return time.Time{}
}

func process(name string, id int, status app.Status) app.Process {
	return app.Process{ID: app.ID(id), Name: name, Status: status, Spec: &app.Spec{}, Usage: app.Usage{Memory: 51834880, CPU: 0.2}}
}

func TestWaitingRestartIsReadable(t *testing.T) {
	list := []app.Process{process("api", 0, app.WaitingRestart)}
	for _, width := range []int{0, 200, 120, 80} {
		out := string(AppendTable(nil, list, TableOptions{Width: width, Unicode: true, Color: true}))
		assert.Contains(t, out, "\x1b[33m\x1b[1mwaiting restart\x1b[22m\x1b[39m ", width)
	}
	out := string(AppendTable(nil, list, TableOptions{Width: 50, Unicode: true}))
	assert.Contains(t, out, "│ waiting   │", "short where there is no room")
}

func TestNamesAreInNaturalOrder(t *testing.T) {
	list := []app.Process{process("s10", 0, ""), process("s2", 1, ""), process("S1", 2, ""), process("s1", 3, ""), process("s1", 4, ""), process("s01", 5, ""), process("s101", 6, ""), process("s12", 7, "")}
	var ids []int
	for _, i := range sorted(list, "") {
		ids = append(ids, int(list[i].ID))
	}
	assert.Equal(t, []int{2, 5, 3, 4, 1, 0, 7, 6}, ids)
}

// TestSortIsPM2s has the orders that PM2 printed for table.json.
func TestSortIsPM2s(t *testing.T) {
	list, _ := recorded(t, "table.json")
	for spec, want := range map[string]string{
		"cpu:desc":    "17 12 7 11 15 13 14 16 18 19 120 3 0 9 10",
		"memory":      "9 10 13 14 3 7 15 18 19 120 0 17 11 12 16",
		"uptime:asc":  "120 19 18 17 10 16 15 14 13 7 9 12 11 3 0",
		"uptime:desc": "0 3 11 12 7 9 13 14 15 16 10 17 18 19 120",
		"pid":         "9 10 0 3 7 11 12 13 14 15 16 17 18 19 120",
		"id:desc":     "120 19 18 17 16 15 14 13 12 11 10 9 7 3 0",
		"status":      "10 3 0 11 12 13 14 15 16 17 18 19 120 9 7",
		"namespace":   "16 0 3 9 10 11 12 13 14 15 17 18 19 120 7",
		"nonsense":    "0 3 7 9 10 11 12 13 14 15 16 17 18 19 120",
	} {
		var ids []string
		for _, i := range sorted(list, spec) {
			ids = append(ids, list[i].ID.String())
		}
		assert.Equal(t, want, strings.Join(ids, " "), spec)
	}
}

func TestEmptyTableIsTwoBorders(t *testing.T) {
	out := lines(string(AppendTable(nil, nil, TableOptions{Unicode: true})))
	require.Len(t, out, 3)
	assert.True(t, strings.HasPrefix(out[0], "┌────┬───────────┬") && strings.HasPrefix(out[2], "└────┴"))
}

func TestHostLineLosesWhatDoesNotFit(t *testing.T) {
	const host = "\x1b[1mhost metrics\x1b[22m | cpu: 4% | ram usage: 1.6% | disk: ⇓ 0mb/s ⇑ 0mb/s"
	last := func(width int) string {
		out := lines(string(AppendTable(nil, nil, TableOptions{Width: width, HostLine: host, Unicode: true})))
		return out[len(out)-1]
	}
	assert.Equal(t, host, last(65))
	assert.Equal(t, "\x1b[1mhost metrics\x1b[22m | cpu: 4% | ram usage: 1.6%", last(63))
	assert.True(t, strings.HasPrefix(last(20), "└"))
}

func TestASCIITable(t *testing.T) {
	list := []app.Process{process("日本", 0, app.Online)}
	for i, c := range string(AppendTable(nil, list, TableOptions{Width: 200})) {
		assert.Truef(t, c < unicode.MaxASCII || c == '日' || c == '本', "%q at %d", c, i)
	}
}

func TestWideNamesKeepTheBordersInLine(t *testing.T) {
	list := []app.Process{process("日本語テスト", 0, app.Online), process("e\u0301té", 1, app.Online), process("x😀y", 2, app.Online), process("👨\u200d👩\u200d👧", 3, app.Online), process("abc", 4, app.Online)}
	for _, line := range lines(string(AppendTable(nil, list, TableOptions{Unicode: true}))) {
		at := strings.Index(line[4:], "│")
		if at >= 0 {
			rest := line[4:]
			second := strings.Index(rest[at+len("│"):], "│")
			assert.Equal(t, 17, textWidth(rest[at+len("│"):][:second]), line)
		}
	}
}

// anything are names as bad as they come.
func anything() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		parts := rapid.SliceOfN(rapid.OneOf(
			rapid.String(), rapid.StringOf(rapid.SampledFrom([]rune("日本語カナ한국어😀👨‍👩‍👧⚡é́ｶ\u202e\u2066\u200b\ufe0f\u00ad"))),
			rapid.SampledFrom([]string{"\x1b[31m", "\x1b]0;title\a", "\x1b[2J", "\x9b1m", "\r", "\n", "\t", "\x00", "\xff\xfe", "\u0085", "\u2028", strings.Repeat("long", 30)}),
			rapid.StringMatching(`[a-z]{1,20}[0-9]{0,3}`),
		), 0, 4).Draw(t, "parts")
		return strings.Join(parts, "")
	})
}

func anyProcess(t *rapid.T) app.Process {
	p := process(anything().Draw(t, "name"), rapid.IntRange(0, 1<<40).Draw(t, "id"), rapid.SampledFrom([]app.Status{app.Online, app.Launching, app.Stopping, app.Stopped, app.Errored, app.WaitingRestart}).Draw(t, "status"))
	p.Namespace, p.Version, p.User = anything().Draw(t, "namespace"), anything().Draw(t, "version"), anything().Draw(t, "user")
	p.Restarts = rapid.Int().Draw(t, "restarts")
	p.Usage = app.Usage{CPU: rapid.Float64().Draw(t, "cpu"), Memory: app.Bytes(rapid.Int64Min(0).Draw(t, "memory"))}
	p.Started = time.Unix(rapid.Int64Range(0, 1<<40).Draw(t, "started"), 0)
	p.Reason, p.OutPath = anything().Draw(t, "reason"), anything().Draw(t, "out")
	p.PID = rapid.Int().Draw(t, "pid")
	return p
}

func TestNoLineIsWiderThanTheTerminal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.Custom(anyProcess), 0, 6).Draw(t, "list")
		o := TableOptions{
			Width: rapid.IntRange(1, 220).Draw(t, "width"), Unicode: rapid.Bool().Draw(t, "unicode"),
			Color: rapid.Bool().Draw(t, "color"), Sort: rapid.SampledFrom([]string{"", "cpu:desc", "uptime"}).Draw(t, "sort"),
			HostLine: "host metrics | cpu: 4% | disk: ⇓ 0mb/s", Now: time.Unix(1<<33, 0),
		}
		out := string(AppendTable(nil, list, o))
		checkLines(t, out, o.Width, o.Color)
		if rows := strings.Count(out, "\n"); rows < len(list) {
			t.Fatalf("%d lines for %d processes", rows, len(list))
		}
		for i := range list {
			d := AppendDescribe(nil, &list[i], DescribeOptions{
				Width: o.Width, Color: o.Color, Unicode: o.Unicode, Now: o.Now, Extra: []Row{{anything().Draw(t, "extra"), anything().Draw(t, "text")}},
			})
			checkLines(t, string(d), o.Width, o.Color)
		}
	})
}

// checkLines measures lines and looks for what would steer a terminal.
func checkLines(t *rapid.T, out string, width int, color bool) {
	for _, line := range lines(out) {
		if color {
			line = ourColors.ReplaceAllString(line, "")
		}
		for _, r := range line {
			if unicode.IsControl(r) || r == utf8.RuneError && strings.Contains(line, "\xff") || r == 0x2028 || r == 0x2029 ||
				unicode.Is(unicode.Cf, r) && unicode.Is(unicode.Bidi_Control, r) {
				t.Fatalf("%q in %q", r, line)
			}
		}
		if w := textWidth(line); w > width {
			t.Fatalf("%d columns of %d: %q", w, width, line)
		}
	}
}

var ourColors = regexp.MustCompile(`\x1b\[(1|3|7|22|23|27|3[1-9]|90)m`)

func TestTablePicture(t *testing.T) {
	path := os.Getenv("WEAVER_TEST_PICTURE")
	if path == "" {
		t.Skip("WEAVER_TEST_PICTURE does not name a file to draw into")
	}
	list, _ := recorded(t, "jlist.json")
	var out []byte
	for _, width := range []int{80, 120, 200} {
		out = AppendTable(out, list, TableOptions{Width: width, Unicode: true, Color: true, Now: recordedAt(list), HostLine: "host metrics | cpu: 4% | ram usage: 1.6%"})
	}
	require.NoError(t, os.WriteFile(path, AppendDescribe(out, &list[0], DescribeOptions{Width: 80, Unicode: true, Color: true}), 0o644))
}
