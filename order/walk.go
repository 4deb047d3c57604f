package order

import "slices"

// Walk goes through names, each after those that it depends on are done. Names that do not depend on each other are open
// at the same time. A cycle stops no walk: when nothing else is left its names are open all at once.
type Walk struct {
	graph Graph
	left  []string // not given out yet, in their order
	open  map[string]bool
	done  map[string]bool
}

// Walk begins a walk through the names. Where it has a choice it keeps to their order.
func (g Graph) Walk(names []string) *Walk {
	w := &Walk{graph: g.Among(names), open: map[string]bool{}, done: map[string]bool{}}
	for _, name := range names {
		if !slices.Contains(w.left, name) {
			w.left = append(w.left, name)
		}
	}
	return w
}

// Next returns the names whose turn it is, each once. There are none while others are open; none are left when nothing is
// open either.
func (w *Walk) Next() []string {
	var next []string
	rest := w.left[:0:0]
	for _, name := range w.left {
		if slices.ContainsFunc(w.graph[name], func(on string) bool { return !w.done[on] }) {
			rest = append(rest, name)
		} else {
			next = append(next, name)
		}
	}
	if len(next) == 0 && len(w.open) == 0 {
		next, rest = rest, nil
	}
	w.left = rest
	for _, name := range next {
		w.open[name] = true
	}
	return next
}

// Done says that a name that was given out is done.
func (w *Walk) Done(name string) {
	delete(w.open, name)
	w.done[name] = true
}
