package main

import (
	"fmt"
	"slices"
	"strings"
)

// verdict renders a check for a cell: mark, figure, target.
func (c check) verdict(u unit) string {
	mark := "✘"
	if c.Pass() {
		mark = "✔"
	}
	got := u.show(c.Got)
	if c.Times {
		got = times(c.Got)
		if c.GotP10 != 0 {
			got += " (" + figure(c.GotP10) + ")"
		}
	}
	return fmt.Sprintf("%s **%s**, target %s", mark, got, c.Target)
}

// markdown renders the report for people.
func (rep *report) markdown() string {
	var w strings.Builder
	fmt.Fprintf(&w, "# weaver, its rivals and the floor\n\n")
	if rep.Quick {
		fmt.Fprintf(&w, "**A smoke run: few repetitions of small things. The figures mean little.**\n\n")
	}
	fmt.Fprintf(&w, "%s.\n\n", rep.Machine)
	reached, all := rep.score()
	fmt.Fprintf(&w, "%d of %d targets reached. Ratios are of medians, in brackets those of the low deciles; "+
		"figures are medians / low deciles. How to read and repeat this: [README.md](README.md).\n\n![chart](chart.svg)\n", reached, all)
	rep.missed(&w)
	for _, group := range rep.groups() {
		rep.table(&w, group)
	}
	if len(rep.Skipped) > 0 {
		fmt.Fprintf(&w, "\n## Not measured\n\n")
		for _, s := range rep.Skipped {
			fmt.Fprintf(&w, "- %s: %s\n", s.What, cell(s.Why))
		}
	}
	return w.String()
}

// missed lists the targets that were not reached, first of all: they are what a reader came for.
func (rep *report) missed(w *strings.Builder) {
	var lines []string
	for _, r := range rep.Rows {
		for _, c := range r.Checks {
			if !c.Pass() {
				lines = append(lines, fmt.Sprintf("- %s: %s\n", r.Name, c.verdict(r.Unit)))
			}
		}
	}
	if len(lines) > 0 {
		fmt.Fprintf(w, "\n## Missed\n\n%s", strings.Join(lines, ""))
	}
}

// groups are the names of the groups, in order.
func (rep *report) groups() []string {
	var names []string
	for _, r := range rep.Rows {
		if !slices.Contains(names, r.Group) {
			names = append(names, r.Group)
		}
	}
	return names
}

// table renders the rows of a group: targets first, then what each subject reached.
func (rep *report) table(w *strings.Builder, group string) {
	var rows []*row
	var subjects, notes []string
	for _, r := range rep.Rows {
		if r.Group != group {
			continue
		}
		rows = append(rows, r)
		for _, res := range r.Results {
			if !slices.Contains(subjects, res.Subject) {
				subjects = append(subjects, res.Subject)
			}
		}
		if r.Note != "" && !slices.Contains(notes, r.Note) {
			notes = append(notes, r.Note)
		}
	}
	slices.SortStableFunc(subjects, func(a, b string) int { return rank(a) - rank(b) })
	header := append([]string{"", "against floor or bound", "against PM2"}, subjects...)
	fmt.Fprintf(w, "\n## %s\n\n| %s |\n|%s\n", group, strings.Join(header, " | "), strings.Repeat(" --- |", len(header)))
	for _, r := range rows {
		cells := []string{r.Name, r.verdicts("floor"), r.verdicts(subPM2)}
		for _, s := range subjects {
			cells = append(cells, r.figures(s))
		}
		fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | "))
	}
	if len(notes) > 0 {
		fmt.Fprintf(w, "\n%s.\n", strings.Join(notes, ". "))
	}
}

// rank orders subjects: weaver, its rival, then the others as they come.
func rank(subject string) int {
	switch subject {
	case subWeaver:
		return 0
	case subPM2:
		return 1
	}
	return 2
}

// verdicts renders the checks against one party.
func (r *row) verdicts(against string) string {
	var texts []string
	for _, c := range r.Checks {
		if c.Against == against {
			texts = append(texts, c.verdict(r.Unit))
		}
	}
	return strings.Join(texts, "<br>")
}

// figures renders what a subject reached.
func (r *row) figures(subject string) string {
	res, ok := r.of(subject)
	switch {
	case !ok:
		return ""
	case res.N == 1:
		return r.Unit.show(res.Median)
	}
	value, name, _ := strings.Cut(r.Unit.show(res.Median), " ")
	low, _, _ := strings.Cut(r.Unit.show(res.P10), " ")
	return value + " / " + low + " " + name
}

// cell makes text safe for a line of Markdown.
func cell(text string) string {
	return strings.NewReplacer("\n", " ", "|", "\\|").Replace(text)
}
