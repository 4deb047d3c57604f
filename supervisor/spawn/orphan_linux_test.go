package spawn

import (
	"testing"

	"github.com/stretchr/testify/assert"
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
		eventually(t, func() bool { return len(s.findOrphans()[r.Tag]) > 0 }, "it falls to the reaper")
		assert.Equal(t, []int{left}, s.findOrphans()[r.Tag])
	})
}
