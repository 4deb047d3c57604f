package lock

import (
	"path/filepath"
	"testing"
	"time"
)

func BenchmarkUncontended(b *testing.B) {
	path := filepath.Join(b.TempDir(), "web.lock")
	b.ReportAllocs()
	for b.Loop() {
		l, err := Acquire(b.Context(), path, Holder{PID: 4711, Command: "weaver restart web", Since: time.Now()})
		if err != nil {
			b.Fatal(err)
		}
		if err := l.Release(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTryHeld(b *testing.B) {
	path := filepath.Join(b.TempDir(), "web.lock")
	l, err := Try(path, me)
	if err != nil {
		b.Fatal(err)
	}
	defer l.Release()
	for b.Loop() {
		if _, err := Try(path, me); err == nil {
			b.Fatal("two holders")
		}
	}
}
