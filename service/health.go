package service

import (
	"strconv"
	"time"

	"weaver/app"
)

// Verdict is how well a service is. Its number is the exit code.
type Verdict int

// The verdicts, from the best.
const (
	Healthy Verdict = iota
	Degraded
	Unhealthy
)

// String is the word for it.
func (v Verdict) String() string { return [...]string{"healthy", "degraded", "unhealthy"}[v] }

// MarshalText writes the word.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// Look is one check of one instance.
type Look struct {
	ID      app.ID       `json:"id"`
	Kind    string       `json:"type"`
	What    string       `json:"what"`
	Verdict Verdict      `json:"verdict"`
	Cause   string       `json:"cause,omitempty"`
	Took    app.Duration `json:"took_ms"`
	Tries   int          `json:"tries,omitempty"`
}

// Health is all checks of a service.
type Health struct {
	Name    string  `json:"name"`
	Verdict Verdict `json:"health"`
	Looks   []Look  `json:"checks"`
}

// Judge sums the checks up: the worst counts.
func (h *Health) Judge() {
	for i := range h.Looks {
		h.Verdict = max(h.Verdict, h.Looks[i].Verdict)
	}
}

// AppendHealth appends the verdict and each check with its duration.
func AppendHealth(dst []byte, h *Health) []byte {
	dst = line(dst, h.Name, h.Verdict.String())
	several := false
	for i := range h.Looks {
		several = several || h.Looks[i].ID != h.Looks[0].ID
	}
	for i := range h.Looks {
		l := &h.Looks[i]
		dst = append(dst, "  "...)
		if several {
			dst = append(dst, "["+l.ID.String()+"] "...)
		}
		dst = append(dst, l.Kind...)
		if l.What != "" {
			dst = append(dst, " "+l.What...)
		}
		dst = append(dst, ": "+l.Verdict.String()...)
		if l.Cause != "" {
			dst = append(dst, ", "+l.Cause...)
		}
		dst = append(dst, " ("+decimal(float64(l.Took.D())/float64(time.Millisecond))+" ms"...)
		if l.Tries > 1 {
			dst = append(dst, ", "+strconv.Itoa(l.Tries)+" tries"...)
		}
		dst = append(dst, ")\n"...)
	}
	return dst
}
