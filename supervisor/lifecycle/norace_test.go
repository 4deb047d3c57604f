//go:build !race

package lifecycle

// raceEnabled tells tests that count on speed to do less.
const raceEnabled = false
