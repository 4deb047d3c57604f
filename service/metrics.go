package service

import (
	"strconv"

	"weaver/app"
)

// Figures are the average, the least and the most of something over a window.
type Figures struct {
	Average float64 `json:"average"`
	Min     float64 `json:"min"`
	Max     float64 `json:"max"`
}

// Metrics is what a service used over a window.
type Metrics struct {
	Status
	Window float64 `json:"window"` // seconds
	Points int     `json:"points"`
	CPUs   Figures `json:"cpu_window"`    // percent of one core
	Bytes  Figures `json:"memory_window"` // bytes
}

// AppendMetrics appends what `service metrics NAME` prints.
func AppendMetrics(dst []byte, m *Metrics) []byte {
	dst = line(dst, "Service", m.Name)
	dst = line(dst, "CPU", percent(m.CPU))
	dst = line(dst, "Memory", megabytes(m.Memory))
	dst = line(dst, "Uptime", seconds(m.Uptime))
	dst = line(dst, "Restarts", strconv.Itoa(m.Restarts))
	if m.Points == 0 {
		return dst
	}
	dst = line(dst, "Window", decimal(m.Window)+" s, "+strconv.Itoa(m.Points)+" points")
	dst = line(dst, "CPU average", percent(m.CPUs.Average)+", min "+percent(m.CPUs.Min)+", max "+percent(m.CPUs.Max))
	b := func(n float64) string { return megabytes(app.Bytes(n)) }
	return line(dst, "Memory average", b(m.Bytes.Average)+", min "+b(m.Bytes.Min)+", max "+b(m.Bytes.Max))
}
