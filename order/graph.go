// Package order says what must come before what: graphs of names, and walks through them. It is pure.
package order

import (
	"maps"
	"slices"
	"strings"
)

// Graph holds what each name depends on. A name that depends on nothing needs no entry.
type Graph map[string][]string

// Add says that a name depends on another.
func (g Graph) Add(name, on string) {
	if !slices.Contains(g[name], on) {
		g[name] = append(g[name], on)
	}
}

// names are all that depend on something, in a fixed order.
func (g Graph) names() []string { return slices.Sorted(maps.Keys(g)) }

// Cycle returns the names of one cycle, the first of them again at the end, or nil if there is none. The same graph has
// the same answer, which begins with the least name of the cycle.
func (g Graph) Cycle() []string {
	const (
		open   = 1 // on the path from where the search began
		closed = 2 // nothing below it is on a cycle
	)
	state := map[string]int{}
	var path, found []string
	var visit func(string) bool
	visit = func(name string) bool {
		switch state[name] {
		case open:
			found = slices.Clone(path[slices.Index(path, name):])
			return true
		case closed:
			return false
		}
		state[name] = open
		path = append(path, name)
		if slices.ContainsFunc(slices.Sorted(slices.Values(g[name])), visit) {
			return true
		}
		path = path[:len(path)-1]
		state[name] = closed
		return false
	}
	if !slices.ContainsFunc(g.names(), visit) {
		return nil
	}
	least := slices.Index(found, slices.Min(found))
	found = append(found[least:len(found):len(found)], found[:least]...)
	return append(found, found[0])
}

// Arrows writes a path as people do: "a -> b -> a".
func Arrows(path []string) string { return strings.Join(path, " -> ") }

// Below returns what the names depend on, directly or not, without the names themselves unless they depend on each other,
// in a fixed order: what is depended on first, as far as there is no cycle.
func (g Graph) Below(names ...string) []string {
	seen := map[string]bool{}
	var out []string
	var visit func(string)
	visit = func(name string) {
		for _, on := range g[name] {
			if !seen[on] {
				seen[on] = true
				visit(on)
				out = append(out, on)
			}
		}
	}
	for _, name := range names {
		visit(name)
	}
	return out
}

// Among returns the graph of some names only. What depends on another by way of names that are left out depends on it.
func (g Graph) Among(names []string) Graph {
	in := map[string]bool{}
	for _, name := range names {
		in[name] = true
	}
	out := Graph{}
	for _, name := range names {
		seen := map[string]bool{name: true}
		var visit func(string)
		visit = func(at string) {
			for _, on := range g[at] {
				switch {
				case seen[on]:
				case in[on]:
					seen[on] = true
					out.Add(name, on)
				default:
					seen[on] = true
					visit(on)
				}
			}
		}
		visit(name)
	}
	return out
}

// Reverse turns every dependency around: it is the order of ending.
func (g Graph) Reverse() Graph {
	out := Graph{}
	for _, name := range g.names() {
		for _, on := range g[name] {
			out.Add(on, name)
		}
	}
	return out
}
