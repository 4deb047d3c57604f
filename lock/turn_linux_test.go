package lock

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestContendersExcludeEachOtherAndNobodyStarves(t *testing.T) {
	path := filepath.Join(t.TempDir(), "web.lock")
	const each = 20
	hold := func() { time.Sleep(500 * time.Microsecond) } // the work under the lock
	had := contend(t, path, 8, func(had []int) bool {
		least, sum := had[0], 0
		for _, n := range had {
			least, sum = min(least, n), sum+n
		}
		return least >= each || sum >= 8*each*10
	}, hold)
	t.Log(had)
	for i, n := range had {
		require.GreaterOrEqual(t, n, each, "contender %d starved: %v", i, had)
	}
}
