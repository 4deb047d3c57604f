package pm2

import (
	"cmp"
	"slices"
	"strings"

	"weaver/app"
)

// compareNames orders names as people do: runs of digits by their number ("s2" before "s10"), everything else by code
// point. Names that differ only in leading zeros are ordered by the text.
func compareNames(a, b string) int {
	same := 0
	for same < len(a) && same < len(b) && a[same] == b[same] {
		same++
	}
	// A run of digits that begins in what is the same counts as a whole.
	for same > 0 && isDigit(a[same-1]) {
		same--
	}
	x, y := a[same:], b[same:]
	for x != "" && y != "" {
		dx, dy := digits(x), digits(y)
		if dx == 0 || dy == 0 {
			if x[0] != y[0] {
				return cmp.Compare(x[0], y[0])
			}
			x, y = x[1:], y[1:]
			continue
		}
		nx, ny := strings.TrimLeft(x[:dx], "0"), strings.TrimLeft(y[:dy], "0")
		if c := cmp.Compare(len(nx), len(ny)); c != 0 {
			return c
		}
		if c := strings.Compare(nx, ny); c != 0 {
			return c
		}
		x, y = x[dx:], y[dy:]
	}
	if c := cmp.Compare(len(x), len(y)); c != 0 {
		return c
	}
	return strings.Compare(a, b)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func digits(s string) int {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}

// sorted returns the positions in list in the order that spec asks for: "field" or "field:asc" or "field:desc", where
// field is name, namespace, pid, id, cpu, memory, uptime or status. Anything else is by name, as in PM2. What is equal
// is in the order of ids.
func sorted(list []app.Process, spec string) []int {
	order := make([]int, len(list))
	for i := range order {
		order[i] = i
	}
	field, direction, _ := strings.Cut(spec, ":")
	by := func(a, b *app.Process) int { return compareNames(a.Name, b.Name) }
	switch field {
	case "namespace":
		by = func(a, b *app.Process) int { return compareNames(a.Namespace, b.Namespace) }
	case "pid":
		by = func(a, b *app.Process) int { return cmp.Compare(a.PID, b.PID) }
	case "id":
		by = func(a, b *app.Process) int { return cmp.Compare(a.ID, b.ID) }
	case "cpu":
		by = func(a, b *app.Process) int { return cmp.Compare(a.Usage.CPU, b.Usage.CPU) }
	case "memory":
		by = func(a, b *app.Process) int { return cmp.Compare(a.Usage.Memory, b.Usage.Memory) }
	case "uptime":
		// PM2 orders by the moment of the start: the longest uptime comes first.
		by = func(a, b *app.Process) int { return a.Started.Compare(b.Started) }
	case "status":
		by = func(a, b *app.Process) int { return strings.Compare(string(a.Status), string(b.Status)) }
	}
	sign := 1
	if direction == "desc" {
		sign = -1
	}
	slices.SortFunc(order, func(i, j int) int {
		if c := sign * by(&list[i], &list[j]); c != 0 {
			return c
		}
		return cmp.Or(cmp.Compare(list[i].ID, list[j].ID), cmp.Compare(i, j))
	})
	return order
}
