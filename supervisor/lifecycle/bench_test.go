package lifecycle

import (
	"testing"
	"time"
)

// BenchmarkCrash is one turn of a crash loop: three steps, and the deadline that the keeper asks for after each.
func BenchmarkCrash(b *testing.B) {
	p := defaults()
	p.MaxRestarts = 1 << 60
	s, _ := Step(p, State{}, t0, Start{})
	now := t0
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Second)
		gen := s.Cur.Gen
		s, _ = Step(p, s, now, Spawned{Gen: gen, PID: 1})
		_ = s.Deadline(p)
		s, _ = Step(p, s, now, Exited{Gen: gen, Code: 1})
		_ = s.Deadline(p)
		s, _ = Step(p, s, now, Empty{gen})
		_ = s.Deadline(p)
	}
}

// BenchmarkStep is one step that does something and brings two effects.
func BenchmarkStep(b *testing.B) {
	p := defaults()
	s, _ := Step(p, State{}, t0, Start{})
	s, _ = Step(p, s, t0, Spawned{Gen: 1, PID: 1})
	b.ReportAllocs()
	for b.Loop() {
		_, _ = Step(p, s, t0, Stop{})
	}
}

// BenchmarkLateNews is a step that does nothing.
func BenchmarkLateNews(b *testing.B) {
	s, p := State{}, defaults()
	b.ReportAllocs()
	for b.Loop() {
		_, _ = Step(p, s, t0, Ready{7})
	}
}
