package monit

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/app"
	"weaver/pm2"
)

func sample(n int) []app.Process {
	list := make([]app.Process, n)
	for i := range list {
		list[i] = app.Process{
			ID: app.ID(i), Name: fmt.Sprintf("svc-%d", i), Namespace: "default", Mode: app.Fork, Status: app.Online, PID: 100 + i,
			Usage: app.Usage{CPU: float64(i), Memory: app.Bytes(i) << 20, Procs: 1},
		}
	}
	return list
}

func screen(m *model, w, h int) string { return strings.Join(m.view(w, h, false), "\n") }

func TestEveryFrameFitsItsScreen(t *testing.T) {
	m := newModel()
	m.setList(sample(50), time.Now())
	for i := range 30 {
		m.addLine(app.Line{ID: 0, Stream: app.Out, Text: fmt.Sprintf("line %d 日本語 \x1b[31mred\x1b[0m\tend \a", i)})
	}
	for w := 1; w < 200; w += 7 {
		for h := 1; h < 70; h += 5 {
			lines := m.view(w, h, false)
			require.Len(t, lines, h, "%d×%d", w, h)
			for _, l := range lines {
				require.Equal(t, w, pm2.TextWidth(l), "%d×%d: %q", w, h, l)
			}
		}
	}
}

func TestTheChosenProcessStaysChosen(t *testing.T) {
	m := newModel()
	m.setList(sample(5), time.Now())
	m.press(keyDown)
	m.press(keyDown)
	require.Equal(t, app.ID(2), m.current().ID)
	m.setList(sample(5)[1:], time.Now())
	assert.Equal(t, app.ID(2), m.current().ID, "another one was deleted")
	m.setList(nil, time.Now())
	assert.Nil(t, m.current())
	assert.Contains(t, screen(m, 80, 24), "nothing runs here")
	m.press(keyDown)
	m.press('r')
	assert.Nil(t, m.ask, "there is nothing to restart")
}

func TestActsAreAskedAbout(t *testing.T) {
	m := newModel()
	m.setList(sample(2), time.Now())
	_, do := m.press('s')
	require.Nil(t, do)
	assert.Contains(t, screen(m, 80, 24), "stop svc-0 (id 0)? y/n")
	_, do = m.press('n')
	require.Nil(t, do)
	m.press('r')
	quit, do := m.press('y')
	assert.False(t, quit)
	require.NotNil(t, do)
	assert.Equal(t, request{app.VerbRestart, 0, "svc-0"}, *do)
	for _, k := range []key{'q', keyEscape, keyInterrupt} {
		quit, _ = m.press(k)
		assert.True(t, quit)
	}
}

func TestOutputThatIsReadStaysInPlace(t *testing.T) {
	m := newModel()
	m.setList(sample(1), time.Now())
	line := func(n int) app.Line { return app.Line{ID: 0, Stream: app.Err, Text: fmt.Sprintf("line-%d.", n)} }
	for i := range 100 {
		m.addLine(line(i))
	}
	assert.Contains(t, screen(m, 100, 24), "! line-99.")
	m.press(keyRight)
	m.press(keyPageUp)
	assert.NotContains(t, screen(m, 100, 24), "line-99.")
	assert.Contains(t, screen(m, 100, 24), "line-89.")
	m.addLine(line(100))
	assert.Contains(t, screen(m, 100, 24), "line-89.")
	assert.NotContains(t, screen(m, 100, 24), "line-90.")
	m.press(keyEnd)
	assert.Contains(t, screen(m, 100, 24), "line-100.")
	for i := range 3 * keptLines {
		m.addLine(line(i))
	}
	assert.Len(t, m.logs[0].lines, keptLines)
}

func TestMetricsOfTheProgramAreShown(t *testing.T) {
	m := newModel()
	list := sample(1)
	list[0].Reported = &app.Reported{Metrics: []app.Field{{Key: "Event Loop Latency", Value: json.RawMessage(`{"value":"0.42","unit":"ms"}`)}}}
	list[0].Reason = "killed by SIGKILL"
	m.setList(list, time.Now())
	text := screen(m, 100, 40)
	assert.Contains(t, text, "Event Loop Latency  0.42 ms")
	assert.Contains(t, text, "why        killed by SIGKILL")
}

func TestKeys(t *testing.T) {
	assert.Equal(t, []key{keyUp, 'q', keyPageDown, keyEscape}, readKeys([]byte("\x1b[Aq\x1b[6~\x1b")))
	assert.Equal(t, []key{keyOther, 'é', keyEnter}, readKeys([]byte("\x1b[1;5Cé\n")))
}

func FuzzKeys(f *testing.F) {
	f.Add([]byte("\x1b[A\x1bO"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if n := len(readKeys(b)); n > len(b) {
			t.Errorf("%d keys of %d bytes", n, len(b))
		}
	})
}

func FuzzClean(f *testing.F) {
	f.Add("\x1b[31mred\x1b[")
	f.Fuzz(func(t *testing.T, s string) {
		for _, r := range clean(s) {
			if r < ' ' || r == 0x7f {
				t.Errorf("%q keeps %q", s, r)
			}
		}
	})
}
