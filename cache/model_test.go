package cache

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// model is what a cache is, without shards, links and haste.
type model struct {
	rows []row // oldest first
	ttl  time.Duration
	max  int
	st   Stats
}

type row struct {
	key    string
	val    int
	stored int64
}

func (m *model) bury(now int64) {
	m.rows = slices.DeleteFunc(m.rows, func(r row) bool { return now-r.stored >= int64(m.ttl) })
}

func (m *model) drop(k string) {
	m.rows = slices.DeleteFunc(m.rows, func(r row) bool { return r.key == k })
}

func (m *model) set(k string, v int, now int64) {
	m.bury(now)
	if m.ttl <= 0 {
		return
	}
	m.drop(k)
	m.rows = append(m.rows, row{k, v, now})
	m.shrink()
}

func (m *model) shrink() {
	for m.max > 0 && len(m.rows) > m.max {
		m.rows = m.rows[1:]
		m.st.Evictions++
	}
}

func (m *model) get(k string, now int64) (int, bool) {
	m.bury(now)
	for _, r := range m.rows {
		if r.key == k {
			m.st.Hits++
			return r.val, true
		}
	}
	m.st.Misses++
	return 0, false
}

func TestCacheIsTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ttl := time.Duration(rapid.IntRange(-1, 20).Draw(t, "ttl"))
		limit := rapid.IntRange(0, 5).Draw(t, "max")
		c, h := atHand(Options{TTL: ttl, MaxEntries: limit, Shards: rapid.IntRange(1, 8).Draw(t, "shards")})
		m := &model{ttl: max(ttl, 0), max: limit}
		key := rapid.StringMatching(`[a-h]`)
		boom := errors.New("boom")

		t.Repeat(map[string]func(*rapid.T){
			"get": func(t *rapid.T) {
				k := key.Draw(t, "k")
				v, ok := c.Get(k)
				mv, mok := m.get(k, h.now)
				require.Equal(t, mok, ok, k)
				require.Equal(t, mv, v, k)
			},
			"set": func(t *rapid.T) {
				k, v := key.Draw(t, "k"), rapid.Int().Draw(t, "v")
				c.Set(k, v)
				m.set(k, v, h.now)
			},
			"load": func(t *rapid.T) {
				k, v, fails := key.Draw(t, "k"), rapid.Int().Draw(t, "v"), rapid.Bool().Draw(t, "fails")
				overtaken := rapid.IntRange(0, 3).Draw(t, "overtaken")
				got, err := c.GetOrLoad(t.Context(), k, func(context.Context) (int, error) {
					switch overtaken {
					case 1:
						c.Delete(k)
					case 2:
						c.Clear()
					case 3:
						c.Set(k, v-1)
					}
					if fails {
						return 0, boom
					}
					return v, nil
				})
				if mv, ok := m.get(k, h.now); ok {
					require.NoError(t, err)
					require.Equal(t, mv, got)
					return
				}
				m.st.Loads++
				switch overtaken {
				case 1:
					m.drop(k)
				case 2:
					m.rows = nil
				case 3:
					m.set(k, v-1, h.now)
				}
				if fails {
					require.ErrorIs(t, err, boom)
					return
				}
				require.NoError(t, err)
				require.Equal(t, v, got)
				if overtaken == 0 {
					m.set(k, v, h.now)
				}
			},
			"delete": func(t *rapid.T) {
				k := key.Draw(t, "k")
				c.Delete(k)
				m.drop(k)
			},
			"clear": func(*rapid.T) { c.Clear(); m.rows = nil },
			"wait":  func(t *rapid.T) { h.advance(time.Duration(rapid.IntRange(1, 9).Draw(t, "ns"))) },
			"ttl": func(t *rapid.T) {
				d := time.Duration(rapid.IntRange(-1, 20).Draw(t, "ttl"))
				c.SetTTL(d)
				m.bury(h.now)
				m.ttl = max(d, 0)
				m.bury(h.now)
			},
			"bound": func(t *rapid.T) {
				n := rapid.IntRange(-1, 5).Draw(t, "max")
				c.SetMaxEntries(n)
				m.max = max(n, 0)
				m.bury(h.now)
				m.shrink()
			},
			"": func(t *rapid.T) {
				if rapid.Bool().Draw(t, "look") { // Looking sweeps, so do not always.
					return
				}
				m.bury(h.now)
				st := c.Stats()
				require.Equal(t, len(m.rows), st.Entries)
				require.Equal(t, len(m.rows), c.Len())
				require.Equal(t, int64(len(m.rows)), c.total.Load())
				require.Equal(t, m.st.Hits, st.Hits, "hits")
				require.Equal(t, m.st.Misses, st.Misses, "misses")
				require.Equal(t, m.st.Loads, st.Loads, "loads")
				require.Equal(t, m.st.Evictions, st.Evictions, "evictions")
				require.Equal(t, m.ttl, st.TTL)
				require.Equal(t, m.max, st.Max)
			},
		})
	})
}
