package app

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Merging small environments and large ones goes two ways.
func TestMergeKeepsPlacesAndTakesTheNewValues(t *testing.T) {
	for _, n := range []int{0, 1, 20, 200} {
		var base, over, want Env
		for i := range n {
			base = append(base, Var{Name: fmt.Sprint("a", i), Value: "old"})
		}
		for i := range n {
			over = append(over, Var{Name: fmt.Sprint("b", i), Value: "new"}, Var{Name: fmt.Sprint("a", i), Value: "newer", Bare: true})
		}
		for i := range n {
			want = append(want, Var{Name: fmt.Sprint("a", i), Value: "newer", Bare: true})
		}
		for i := range n {
			want = append(want, Var{Name: fmt.Sprint("b", i), Value: "new"})
		}
		base.Merge(over)
		assert.Equal(t, want, base[:len(base):len(base)])
		again := len(base)
		base.Merge(over)
		assert.Len(t, base, again)
	}
}

func TestEnviron(t *testing.T) {
	assert.Equal(t, []string{"A=1", "B=", "C=x=y"}, Env{{Name: "A", Value: "1"}, {Name: "B"}, {Name: "C", Value: "x=y"}}.Environ())
	assert.Empty(t, Env(nil).Environ())
}
