package main

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestQuantiles(t *testing.T) {
	for _, c := range []struct {
		s           series
		median, p10 float64
	}{
		{nil, 0, 0},
		{series{7}, 7, 7},
		{series{3, 1}, 2, 1.2},
		{series{9, 1, 5}, 5, 1.8},
		{series{10, 0, 20, 30, 40, 50, 60, 70, 80, 90, 100}, 50, 10},
	} {
		assert.InDelta(t, c.median, c.s.Median(), 1e-9, "median of %v", c.s)
		assert.InDelta(t, c.p10, c.s.P10(), 1e-9, "p10 of %v", c.s)
	}
}

func TestQuantileLeavesTheOrder(t *testing.T) {
	s := series{3, 1, 2}
	s.Median()
	assert.Equal(t, series{3, 1, 2}, s)
}

func TestFigures(t *testing.T) {
	for want, x := range map[string]float64{
		"0": 0, "0.012": 0.0123, "0.12": 0.123, "1.23": 1.234, "1.20": 1.2, "12": 12.04, "12.3": 12.34, "123": 123.4,
		"1,234": 1234, "1,234,567": 1234567, "-0.25": -0.25, "-1,234": -1234, "-123": -123,
	} {
		assert.Equal(t, want, figure(x))
	}
}

func TestUnits(t *testing.T) {
	assert.Equal(t, "1.50 ms", seconds.show(0.0015))
	assert.Equal(t, "200 MB/s", perGB.show(5))
	assert.Equal(t, "12.3 MB", memory.show(12.3e6))
	assert.Equal(t, "1.50 %", percent.show(1.5))
	assert.Equal(t, "8 threads", threads.show(8))
}

// newRow is a row in which each subject was measured three times.
func newRow(costs map[string]float64) *row {
	r := &row{Unit: seconds}
	for _, name := range []string{subWeaver, subPM2, subHello, subSpawn, subLoop, subDirect} {
		if c, ok := costs[name]; ok {
			r.add(name, series{c / 2, c, c * 2}, nil)
		}
	}
	return r
}

func TestOneForkIsAllowedOnTop(t *testing.T) {
	r := newRow(map[string]float64{subWeaver: 1.75, subHello: 1, subSpawn: 0.5})
	r.atMost(1.35, subHello, subSpawn)
	require.Len(t, r.Checks, 1)
	assert.InDelta(t, 1.25, r.Checks[0].Got, 1e-9)
	assert.True(t, r.Checks[0].Pass())
	assert.InDelta(t, 1.5, r.Base, 1e-9)
	assert.InDelta(t, (1.35+0.5)/1.5, r.target(), 1e-9, "the chart's target allows the same")

	r = newRow(map[string]float64{subWeaver: 1.9, subHello: 1, subSpawn: 0.5})
	r.atMost(1.35, subHello, subSpawn)
	assert.False(t, r.Checks[0].Pass())
}

func TestSpeedIsTheOtherWayRound(t *testing.T) {
	r := newRow(map[string]float64{subWeaver: 2, subPM2: 100, subDirect: 1})
	r.speed(50, subPM2, subPM2)
	r.speed(0.7, "floor", subDirect)
	require.Len(t, r.Checks, 2)
	assert.InDelta(t, 50, r.Checks[0].Got, 1e-9)
	assert.True(t, r.Checks[0].Pass())
	assert.InDelta(t, 0.5, r.Checks[1].Got, 1e-9)
	assert.False(t, r.Checks[1].Pass())
	assert.InDelta(t, 1, r.Base, 1e-9)
	assert.InDelta(t, 1/0.7, r.target(), 1e-9)
}

func TestNoCheckWithoutBothSides(t *testing.T) {
	failed := newRow(map[string]float64{subWeaver: 1, subSpawn: 1})
	failed.add(subHello, nil, errors.New("broken"))
	failed.add(subPM2, nil, errors.New("broken"))
	for _, r := range []*row{
		newRow(map[string]float64{subWeaver: 1}),
		newRow(map[string]float64{subHello: 1, subPM2: 1, subSpawn: 1}),
		failed,
	} {
		r.atMost(1.35, subHello, subSpawn)
		r.speed(5, subPM2, subPM2)
		assert.Empty(t, r.Checks)
	}
}

func TestABoundIsAFloorOnlyWithoutOne(t *testing.T) {
	r := newRow(map[string]float64{subWeaver: 6e6})
	r.bound(memory, 12e6)
	assert.InDelta(t, 12e6, r.Base, 0)
	assert.Equal(t, "≤ 12 MB", r.Checks[0].Target)
	assert.True(t, r.Checks[0].Pass())
	assert.InDelta(t, 1, r.target(), 1e-9)
}

// sample is a report with something of everything.
func sample() *report {
	fast := newRow(map[string]float64{subWeaver: 0.0012, subPM2: 0.15, subHello: 0.001})
	fast.Group, fast.Name, fast.Note = "Calls", "`list` <3>", "Often"
	fast.atMost(1.35, subHello)
	fast.speed(50, subPM2, subPM2)
	slow := newRow(map[string]float64{subWeaver: 0.004, subLoop: 0.001})
	slow.Group, slow.Name = "Spawn", "slow"
	slow.atMost(1.3, subLoop)
	slow.add("runit", nil, errors.New("gone"))
	return &report{Rows: []*row{fast, slow}, Skipped: []skip{{"s6", "not here | there"}}}
}

func TestMarkdown(t *testing.T) {
	text := sample().markdown()
	for _, want := range []string{
		"2 of 3 targets reached",
		"## Missed\n\n- slow: ✘ **4 × (4)**, target ≤ 1.3 × C loop\n",
		"|  | against floor or bound | against PM2 | weaver | PM2 | hello |\n",
		"| `list` <3> | ✔ **1.20 × (1.20)**, target ≤ 1.35 × hello | ✔ **125 × (125)**, target ≥ 50 × the speed of PM2 | 1.20 / 0.72 ms | 150 / 90 ms | 1 / 0.60 ms |",
		"\n\nOften.\n",
		"- s6: not here \\| there\n",
	} {
		assert.Contains(t, text, want)
	}
	assert.Equal(t, []string{"Calls", "Spawn"}, sample().groups())
}

func TestChartIsWellFormed(t *testing.T) {
	text := sample().chart()
	d := xml.NewDecoder(strings.NewReader(text))
	var err error
	for err == nil {
		_, err = d.Token()
	}
	require.ErrorIs(t, err, io.EOF)
	assert.NotContains(t, text, "%!", "a broken format draws nothing")
	assert.Contains(t, text, "prefers-color-scheme: dark")
	assert.Contains(t, text, "list &lt;3&gt;")
	assert.Contains(t, text, "150 ×", "PM2 in floors")
	assert.NotContains(t, text, "runit", "who was not measured has no bar")
}

func TestChartOfNothing(t *testing.T) {
	assert.Contains(t, (&report{}).chart(), "</svg>")
}

func TestAxisIsLogarithmic(t *testing.T) {
	a := axisOf([]chartRow{{bars: []bar{{factor: 0.3}, {factor: 600}}}})
	assert.InDelta(t, 0.1, a.low, 1e-9)
	assert.InDelta(t, 1000, a.high, 1e-9)
	assert.InDelta(t, a.x(10)-a.x(1), a.x(1000)-a.x(100), 1e-6)
	assert.InDelta(t, labelWidth, a.x(0), 1e-9, "what costs nothing ends at the edge")
}

func TestTextThatHasNoRoomGoesInside(t *testing.T) {
	for end, class := range map[float64]string{400: "faint", chartWidth - 60: "inside"} {
		var w strings.Builder
		bar{class: "other", subject: "supervisord", label: "1,705 × · 1,012 ms"}.write(&w, end, end, 10)
		assert.Contains(t, w.String(), `class="`+class+`"`)
	}
}
