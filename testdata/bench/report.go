package main

import (
	"encoding/json"
	"fmt"
	"os"
)

// report is everything that one run found out.
type report struct {
	Machine machine `json:"machine"`
	Quick   bool    `json:"quick,omitempty"` // a smoke run: its figures mean little
	Rows    []*row  `json:"rows"`
	Skipped []skip  `json:"skipped,omitempty"`
}

// skip is what was not measured, and why.
type skip struct {
	What string `json:"what"`
	Why  string `json:"why"`
}

// row is one thing that all subjects did.
type row struct {
	ID      string   `json:"id"` // stable, for -only and for whoever compares two results.json
	Group   string   `json:"group"`
	Name    string   `json:"name"`
	Unit    unit     `json:"unit"`
	Note    string   `json:"note,omitempty"`
	Results []result `json:"results"`
	Checks  []check  `json:"checks,omitempty"`
	// Base is the cost that is 1 in the chart: the floor's, or a bound. 0 leaves the row out of the chart.
	Base float64 `json:"base,omitempty"`
}

// result is what one subject reached.
type result struct {
	Subject string  `json:"subject"`
	Median  float64 `json:"median"`
	P10     float64 `json:"p10"`
	N       int     `json:"n"`
	Failed  string  `json:"failed,omitempty"` // why it has no figures, or fewer than it should
}

// check is a target and whether it was reached.
type check struct {
	Against string  `json:"against"` // a column of the table: "floor", or a subject
	Target  string  `json:"target"`  // "≤ 1.35 × hello"
	Got     float64 `json:"got"`
	GotP10  float64 `json:"got_p10,omitempty"` // the same of the low deciles; 0 when measured once
	Limit   float64 `json:"limit"`
	AtLeast bool    `json:"at_least,omitempty"` // Got should be no less than Limit, rather than no more
	Times   bool    `json:"times,omitempty"`    // Got is a ratio
}

// Pass reports whether the target was reached, by the median.
func (c check) Pass() bool {
	if c.AtLeast {
		return c.Got >= c.Limit
	}
	return c.Got <= c.Limit
}

// The names of subjects that several parts of the program know.
const (
	subWeaver = "weaver"
	subPM2    = "PM2"
	subHello  = "hello" // the hello-world binary
	subSpawn  = "spawn" // one vfork+exec in C
	subSync   = "sync"  // one record appended to a file and synced
	subLoop   = "C loop"
	subKeeper = "C keeper" // the loop with what any supervisor has to ask of the kernel
	subDirect = "> file"
)

// of returns a subject's result, if it was measured.
func (r *row) of(subject string) (result, bool) {
	for _, res := range r.Results {
		if res.Subject == subject && res.N > 0 {
			return res, true
		}
	}
	return result{}, false
}

// add notes what a subject reached.
func (r *row) add(subject string, costs series, err error) {
	res := result{Subject: subject, Median: costs.Median(), P10: costs.P10(), N: len(costs)}
	if err != nil {
		res.Failed = err.Error()
	}
	r.Results = append(r.Results, res)
}

// atMost checks that weaver's cost, less what is allowed for extras, is at most limit times the floor's. The first floor
// becomes the chart's base, with its extras.
func (r *row) atMost(limit float64, floor string, extras ...string) {
	w, ok := r.of(subWeaver)
	f, okFloor := r.of(floor)
	var on result
	target, okExtras := fmt.Sprintf("≤ %v × %s", limit, floor), true
	for _, extra := range extras {
		if extra == "" {
			continue
		}
		e, ok := r.of(extra)
		on.Median, on.P10, okExtras = on.Median+e.Median, on.P10+e.P10, okExtras && ok
		target += " + one " + extra
	}
	if okFloor && r.Base == 0 {
		r.Base = f.Median + on.Median
	}
	if !ok || !okFloor || !okExtras {
		return
	}
	r.Checks = append(r.Checks, check{
		Against: "floor", Target: target, Limit: limit, Times: true,
		Got: ratio(w.Median-on.Median, f.Median), GotP10: ratio(w.P10-on.P10, f.P10),
	})
}

// speed checks that weaver is at least limit times as fast as a floor or rival.
func (r *row) speed(limit float64, against, rival string) {
	w, ok := r.of(subWeaver)
	o, okOther := r.of(rival)
	if okOther && against == "floor" {
		r.Base = o.Median
	}
	if !ok || !okOther {
		return
	}
	r.Checks = append(r.Checks, check{
		Against: against, Target: fmt.Sprintf("≥ %v × the speed of %s", limit, rival), Limit: limit, Times: true, AtLeast: true,
		Got: ratio(o.Median, w.Median), GotP10: ratio(o.P10, w.P10),
	})
}

// bound checks weaver's figure against a number. The bound becomes the chart's base unless there is one.
func (r *row) bound(u unit, limit float64) {
	if r.Base == 0 {
		r.Base = limit
	}
	if w, ok := r.of(subWeaver); ok {
		r.Checks = append(r.Checks, check{Against: "floor", Target: "≤ " + u.show(limit), Got: w.Median, Limit: limit})
	}
}

// score counts the targets that were reached, and all.
func (rep *report) score() (reached, all int) {
	for _, r := range rep.Rows {
		for _, c := range r.Checks {
			all++
			if c.Pass() {
				reached++
			}
		}
	}
	return reached, all
}

// writeJSON writes the report for programs.
func (rep *report) writeJSON(path string) error {
	data, err := json.MarshalIndent(rep, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return os.WriteFile(path, append(data, '\n'), 0o644)
}
