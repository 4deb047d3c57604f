package cache

import (
	"context"
	"testing"
	"time"
)

func filled(n int, o Options) *Cache[int, [8]uint64] {
	c := New[int, [8]uint64](o)
	for i := range n {
		c.Set(i, [8]uint64{uint64(i)})
	}
	return c
}

func BenchmarkGetHit(b *testing.B) {
	c := New[int, int](Options{TTL: time.Hour})
	for i := range 1000 {
		c.Set(i, i)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, ok := c.Get(i % 1000); !ok {
			b.Fatal("miss")
		}
	}
}

func BenchmarkGetHit64Bytes(b *testing.B) {
	c := filled(1000, Options{TTL: time.Hour})
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, ok := c.Get(i % 1000); !ok {
			b.Fatal("miss")
		}
	}
}

func BenchmarkGetHitParallel(b *testing.B) {
	c := filled(1000, Options{TTL: time.Hour})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if _, ok := c.Get(i % 1000); !ok {
				b.Error("miss")
			}
		}
	})
}

func BenchmarkGetOrLoadHit(b *testing.B) {
	c := filled(1000, Options{TTL: time.Hour})
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		k := i % 1000
		_, err := c.GetOrLoad(context.Background(), k, func(context.Context) ([8]uint64, error) { return [8]uint64{uint64(k)}, nil })
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSetOver(b *testing.B) {
	c := filled(1000, Options{TTL: time.Hour})
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		c.Set(i%1000, [8]uint64{})
	}
}

func BenchmarkSetEvicting(b *testing.B) {
	c := filled(1000, Options{TTL: time.Hour, MaxEntries: 1000})
	b.ReportAllocs()
	for i := 1000; b.Loop(); i++ {
		c.Set(i, [8]uint64{})
	}
}
