package spawn

import (
	"slices"
	"testing"
)

// After a takeover every service is a child of the reaper's: they are no orphans, and nobody reads about them one by one.
func TestOrphansAreNoMainProcesses(t *testing.T) {
	eachMode(t, func(t *testing.T, s *Spawner) {
		c := shell(`(setsid sleep 100 & echo $!); exec sleep 100`)
		if root := s.options.CgroupRoot; root != "" {
			c.Tag = root + "/1/1" // so are those of weaver's services
		}
		r := launchRead(t, s, c)
		left := r.pid(t)
		// It has no environment for a moment, in which it becomes another program.
		eventually(t, func() bool { return slices.Equal([]int{left}, s.findOrphans()[r.Tag]) }, "it falls to the reaper, and nobody else does")
	})
}
