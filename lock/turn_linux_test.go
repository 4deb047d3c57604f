package lock

import (
	"path/filepath"
	"runtime"
	"syscall"
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

func TestNewcomerStandsBackForAWaiter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "web.lock")
	opened := func() int {
		fd, err := openFile(path)
		require.NoError(t, err)
		return fd
	}
	holder, waiter, newcomer := opened(), opened(), opened()
	defer closeFile(newcomer)
	require.NoError(t, lockFile(holder))
	got := make(chan error)
	go func() { got <- lockInTurn(waiter) }()                     // Ends when holder lets go.
	for turnstile(newcomer, ofdSetLock, syscall.F_WRLCK) == nil { // until the waiter is in it
		require.NoError(t, turnstile(newcomer, ofdSetLock, syscall.F_UNLCK))
		runtime.Gosched()
	}
	require.NoError(t, closeFile(holder))
	require.NoError(t, <-got)
	require.NoError(t, closeFile(waiter))

	// In the instant when the lock is free, and the next one not yet awake:
	next := opened()
	require.NoError(t, turnstile(next, ofdSetLock, syscall.F_WRLCK))
	taken, err := tryInTurn(newcomer)
	require.NoError(t, err)
	require.False(t, taken)
	require.NoError(t, closeFile(next), "the turnstile empties with its descriptor")
	taken, err = tryInTurn(newcomer)
	require.NoError(t, err)
	require.True(t, taken)
}
