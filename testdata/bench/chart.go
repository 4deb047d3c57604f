package main

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strconv"
	"strings"
)

// The chart's measures in pixels.
const (
	chartWidth  = 960
	labelWidth  = 352
	plotWidth   = 520
	barHeight   = 11
	barGap      = 2
	rowGap      = 10
	headHeight  = 92
	groupHeight = 30
	footHeight  = 34
)

// chartStyle names colours by what they mean; those who prefer dark get dark.
const chartStyle = `
text { font: 12px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #24292f }
.back { fill: #ffffff } .grid { stroke: #d8dee4 } .one { stroke: #57606a; stroke-width: 1.5 }
.title { font-size: 17px; font-weight: 600 } .group { font-weight: 600 } .faint { fill: #57606a; font-size: 11px } .inside { fill: #ffffff; font-size: 11px }
.weaver { fill: #1a7f64 } .pm2 { fill: #c2603f } .other { fill: #6e7781 } .target { stroke: #bf8700; stroke-width: 2.5 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .back { fill: #0d1117 } .grid { stroke: #2b323b } .one { stroke: #9198a1 } .faint { fill: #9198a1 }
.weaver { fill: #3fb68e } .pm2 { fill: #e0825f } .other { fill: #656c76 } .target { stroke: #d9a520 }
}`

// bar is one subject in one row.
type bar struct {
	class, subject string
	factor         float64 // of the row's base
	label          string
}

// chartRow is what the chart shows of a row.
type chartRow struct {
	group, name string
	target      float64 // 0: none
	bars        []bar
}

// chart draws every row that has a base: how many times the floor's (or the bound's) cost weaver and its rivals have.
func (rep *report) chart() string {
	rows := rep.chartRows()
	axis := axisOf(rows)
	var body strings.Builder
	y, group := headHeight, ""
	for _, r := range rows {
		if r.group != group {
			group = r.group
			y += groupHeight
			fmt.Fprintf(&body, `<text class="group" x="16" y="%d">%s</text>`+"\n", y-9, html.EscapeString(group))
		}
		y = r.draw(&body, axis, y)
	}
	bottom := y
	height := bottom + footHeight
	var w strings.Builder
	fmt.Fprintf(&w, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%[1]d" height="%d" role="img" aria-label="weaver against its rivals and the floor">`+"\n",
		chartWidth, height, height)
	fmt.Fprintf(&w, "<style>%s\n</style>\n", chartStyle)
	fmt.Fprintf(&w, `<rect class="back" width="%d" height="%d"/>`+"\n", chartWidth, height)
	rep.head(&w)
	axis.draw(&w, headHeight, bottom)
	w.WriteString(body.String())
	w.WriteString("</svg>\n")
	return w.String()
}

// chartRows picks what is drawn.
func (rep *report) chartRows() []chartRow {
	var rows []chartRow
	for _, r := range rep.Rows {
		if r.Base == 0 {
			continue
		}
		c := chartRow{group: r.Group, name: strings.ReplaceAll(r.Name, "`", ""), target: r.target()}
		for _, res := range r.Results {
			class := "other"
			switch res.Subject {
			case subWeaver:
				class = subWeaver
			case subPM2:
				class = "pm2"
			case subHello, subSpawn, subSync, subLoop, subKeeper, subDirect:
				continue // they are the base
			}
			if res.N == 0 {
				continue
			}
			f := ratio(res.Median, r.Base)
			c.bars = append(c.bars, bar{class, res.Subject, f, times(f) + " · " + r.Unit.show(res.Median)})
		}
		slices.SortStableFunc(c.bars, func(a, b bar) int { return rank(a.subject) - rank(b.subject) })
		if len(c.bars) > 0 {
			rows = append(rows, c)
		}
	}
	return rows
}

// target is the cost, in bases, that the first check of the row against its floor allows.
func (r *row) target() float64 {
	floor, _ := r.floorCost()
	for _, c := range r.Checks {
		switch {
		case c.Against != "floor":
		case c.AtLeast:
			return ratio(1, c.Limit)
		case c.Times: // what is allowed on top is in the base
			return ratio(c.Limit*floor+r.Base-floor, r.Base)
		default:
			return ratio(c.Limit, r.Base)
		}
	}
	return 0
}

// floorCost is the floor's median.
func (r *row) floorCost() (float64, bool) {
	for _, name := range []string{subHello, subLoop, subDirect} {
		if res, ok := r.of(name); ok {
			return res.Median, true
		}
	}
	return 0, false
}

// head draws title and legend.
func (rep *report) head(w *strings.Builder) {
	fmt.Fprintf(w, `<text class="title" x="16" y="30">Cost in floors: how many times the bare work</text>`+"\n")
	fmt.Fprintf(w, `<text class="faint" x="16" y="49">1 is the floor: a hello-world binary, a vfork loop in C, &gt; file, or the bound set for the daemon. Logarithmic; shorter is better.</text>`+"\n")
	x := 16
	for _, l := range []struct{ class, text string }{{"weaver", "weaver"}, {"pm2", "PM2"}, {"other", "others"}} {
		fmt.Fprintf(w, `<rect class="%s" x="%d" y="62" width="12" height="12" rx="2"/><text x="%d" y="72">%s</text>`+"\n", l.class, x, x+17, l.text)
		x += 32 + 8*len(l.text)
	}
	fmt.Fprintf(w, `<line class="target" x1="%d" x2="%[1]d" y1="61" y2="75"/><text x="%d" y="72">target</text>`+"\n", x+4, x+11)
}

// axis maps factors to pixels, by their logarithm.
type axis struct{ low, high float64 }

// axisOf spans whole decades around all that is drawn.
func axisOf(rows []chartRow) axis {
	low, high := 0.5, 10.0
	for _, r := range rows {
		for _, b := range r.bars {
			if b.factor > 0 {
				low, high = min(low, b.factor), max(high, b.factor)
			}
		}
	}
	if low < 0.5 {
		low = math.Pow(10, math.Floor(math.Log10(low)))
	}
	return axis{low, math.Pow(10, math.Ceil(math.Log10(high)))}
}

func (a axis) x(factor float64) float64 {
	factor = min(max(factor, a.low), a.high)
	return labelWidth + plotWidth*math.Log(factor/a.low)/math.Log(a.high/a.low)
}

// draw draws a line per decade.
func (a axis) draw(w *strings.Builder, top, bottom int) {
	for f := math.Pow(10, math.Ceil(math.Log10(a.low))); f <= a.high*1.01; f *= 10 {
		class := "grid"
		if math.Abs(f-1) < 1e-9 {
			class = "one"
		}
		fmt.Fprintf(w, `<line class="%s" x1="%.1f" x2="%.1[2]f" y1="%d" y2="%d"/>`+"\n", class, a.x(f), top, bottom)
		fmt.Fprintf(w, `<text class="faint" text-anchor="middle" x="%.1f" y="%d">%s</text>`+"\n", a.x(f), bottom+18, strconv.FormatFloat(f, 'g', -1, 64))
	}
}

// draw draws a row below y and returns where the next one begins.
func (r chartRow) draw(w *strings.Builder, a axis, y int) int {
	height := len(r.bars)*(barHeight+barGap) - barGap
	fmt.Fprintf(w, `<text text-anchor="end" x="%d" y="%d">%s</text>`+"\n", labelWidth-10, y+height/2+4, html.EscapeString(r.name))
	one := a.x(1)
	for i, b := range r.bars {
		top := y + i*(barHeight+barGap)
		end := a.x(b.factor)
		left, width := min(one, end), max(math.Abs(end-one), 1.5)
		fmt.Fprintf(w, `<rect class="%s" x="%.1f" y="%d" width="%.1f" height="%d" rx="1.5"/>`+"\n", b.class, left, top, width, barHeight)
		clear := left + width
		if i == 0 {
			clear = max(clear, a.x(r.target)) // the target's mark is no bar to write on
		}
		b.write(w, clear, left+width, top+barHeight-1)
	}
	if r.target > 0 {
		fmt.Fprintf(w, `<line class="target" x1="%.1f" x2="%.1[1]f" y1="%d" y2="%d"/>`+"\n", a.x(r.target), y-2, y+barHeight+2)
	}
	return y + height + rowGap
}

// charWidth is about what a character of a bar's text takes.
const charWidth = 6.3

// write writes the bar's text behind it, or at its end where there is no room behind.
func (b bar) write(w *strings.Builder, clear, end float64, y int) {
	text := b.label
	if b.class == "other" {
		text = b.subject + " " + text
	}
	class, anchor, x := "faint", "start", clear+6
	if x+charWidth*float64(len([]rune(text))) > chartWidth {
		class, anchor, x = "inside", "end", end-6
	}
	fmt.Fprintf(w, `<text class="%s" text-anchor="%s" x="%.1f" y="%d">%s</text>`+"\n", class, anchor, x, y, html.EscapeString(text))
}
