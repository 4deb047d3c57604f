package order

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestCyclesAreNamed(t *testing.T) {
	for _, c := range []struct {
		g    Graph
		want string
	}{
		{Graph{}, ""},
		{Graph{"a": {"b", "c"}, "b": {"d"}, "c": {"d"}}, ""},
		{Graph{"a": {"a"}}, "a -> a"},
		{Graph{"b": {"a"}, "a": {"b"}}, "a -> b -> a"},
		{Graph{"x": {"c"}, "c": {"b"}, "b": {"d"}, "d": {"c"}}, "b -> d -> c -> b"},
	} {
		assert.Equal(t, c.want, Arrows(c.g.Cycle()), "%v", c.g)
	}
}

func TestWhatIsBelow(t *testing.T) {
	g := Graph{"web": {"api", "cache"}, "api": {"db"}, "db": {"disk"}, "other": {"x"}}
	assert.Equal(t, []string{"disk", "db", "api", "cache"}, g.Below("web"))
	assert.Empty(t, g.Below("disk", "nobody"))
}

func TestOrderHoldsAcrossWhatIsLeftOut(t *testing.T) {
	g := Graph{"web": {"api"}, "api": {"db"}, "db": {"disk"}}
	assert.Equal(t, Graph{"web": {"db"}}, g.Among([]string{"db", "web"}))
}

func TestWalkOpensAsMuchAsItCan(t *testing.T) {
	w := Graph{"web": {"api", "cache"}, "api": {"db"}}.Walk([]string{"web", "api", "cache", "db", "cache"})
	require.Equal(t, []string{"cache", "db"}, w.Next())
	require.Empty(t, w.Next())
	w.Done("cache")
	require.Empty(t, w.Next())
	w.Done("db")
	require.Equal(t, []string{"api"}, w.Next())
	w.Done("api")
	require.Equal(t, []string{"web"}, w.Next())
	w.Done("web")
	require.Empty(t, w.Next())
}

// anyGraph is one of a few names, cycles included.
func anyGraph(t *rapid.T) (Graph, []string) {
	names := make([]string, rapid.IntRange(1, 9).Draw(t, "names"))
	for i := range names {
		names[i] = fmt.Sprintf("n%d", i)
	}
	g := Graph{}
	for range rapid.IntRange(0, 16).Draw(t, "edges") {
		g.Add(rapid.SampledFrom(names).Draw(t, "from"), rapid.SampledFrom(names).Draw(t, "to"))
	}
	return g, names
}

// TestACycleIsOne checks every answer of Cycle against the graph, and that none is missed: without one, names can be taken
// away one by one, each when it depends on nothing that is left.
func TestACycleIsOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g, names := anyGraph(t)
		cycle := g.Cycle()
		if cycle != nil {
			require.GreaterOrEqual(t, len(cycle), 2)
			require.Equal(t, cycle[0], cycle[len(cycle)-1])
			for i := range len(cycle) - 1 {
				require.Contains(t, g[cycle[i]], cycle[i+1])
			}
			return
		}
		left := slices.Clone(names)
		for len(left) > 0 {
			at := slices.IndexFunc(left, func(name string) bool {
				return !slices.ContainsFunc(g[name], func(on string) bool { return slices.Contains(left, on) })
			})
			require.GreaterOrEqual(t, at, 0, "a cycle among %v was missed", left)
			left = slices.Delete(left, at, at+1)
		}
	})
}

// TestWalksKeepTheOrder takes random walks: each name comes once, and, without a cycle, after all that it depends on, also
// by way of names that are left out; never is nothing open while something is left.
func TestWalksKeepTheOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g, all := anyGraph(t)
		names := rapid.SliceOfNDistinct(rapid.SampledFrom(all), 1, len(all), rapid.ID[string]).Draw(t, "among")
		backwards := rapid.Bool().Draw(t, "backwards")
		walked := g
		if backwards {
			walked = g.Reverse()
		}
		w := walked.Walk(names)
		var open, begun, done []string
		for {
			next := w.Next()
			for _, name := range next {
				require.NotContains(t, begun, name, "it comes once")
				if g.Cycle() == nil {
					for _, on := range walked.Below(name) {
						require.True(t, !slices.Contains(names, on) || slices.Contains(done, on), "%s begins before %s is done", name, on)
					}
				}
			}
			begun, open = append(begun, next...), append(open, next...)
			if len(open) == 0 {
				break
			}
			at := rapid.IntRange(0, len(open)-1).Draw(t, "done")
			w.Done(open[at])
			done, open = append(done, open[at]), slices.Delete(open, at, at+1)
		}
		require.ElementsMatch(t, names, begun)
	})
}

func TestReversedTwiceIsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g, _ := anyGraph(t)
		again := g.Reverse().Reverse()
		require.Equal(t, len(g), len(again))
		for name := range g {
			require.ElementsMatch(t, g[name], again[name])
		}
	})
}
