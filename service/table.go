package service

import (
	"cmp"
	"slices"
	"strconv"
	"unicode/utf8"
)

// AppendTable appends all services as a table.
func AppendTable(dst []byte, list []Status) []byte {
	if len(list) == 0 {
		return append(dst, "no services\n"...)
	}
	rows := [][]string{{"NAME", "STATUS", "INSTANCES", "PID", "CPU", "MEMORY", "UPTIME", "RESTARTS"}}
	for i := range list {
		s := &list[i]
		instances := strconv.Itoa(s.Instances)
		if s.Running != s.Instances {
			instances = strconv.Itoa(s.Running) + "/" + instances
		}
		rows = append(rows, []string{
			s.Name, string(s.State), instances, strconv.Itoa(s.PID), percent(s.CPU), megabytes(s.Memory),
			shortUptime(s.Uptime), strconv.Itoa(s.Restarts),
		})
	}
	return appendColumns(dst, rows)
}

func shortUptime(n float64) string {
	if n < 60 {
		return decimal(n) + "s"
	}
	return span(secondsOf(n))
}

// appendColumns pads all but the last cell of each row.
func appendColumns(dst []byte, rows [][]string) []byte {
	widths := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, cell := range r {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, r := range rows {
		for i, cell := range r {
			dst = append(dst, cell...)
			if i == len(r)-1 {
				break
			}
			for range widths[i] - utf8.RuneCountInString(cell) + 2 {
				dst = append(dst, ' ')
			}
		}
		dst = append(dst, '\n')
	}
	return dst
}

// Sort orders services by cpu, memory, uptime or restarts, the largest first, and reports whether it knows the field.
func Sort(list []Status, by string) bool {
	var less func(a, b *Status) int
	switch by {
	case "cpu":
		less = func(a, b *Status) int { return cmp.Compare(b.CPU, a.CPU) }
	case "memory":
		less = func(a, b *Status) int { return cmp.Compare(b.Memory, a.Memory) }
	case "uptime":
		less = func(a, b *Status) int { return cmp.Compare(b.Uptime, a.Uptime) }
	case "restarts":
		less = func(a, b *Status) int { return cmp.Compare(b.Restarts, a.Restarts) }
	default:
		return false
	}
	slices.SortStableFunc(list, func(a, b Status) int { return less(&a, &b) })
	return true
}
