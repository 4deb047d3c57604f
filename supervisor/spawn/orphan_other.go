//go:build !linux

package spawn

// orphans is nothing here.
type orphans struct{}

// Orphans returns nothing: this system has no subreaper for them to fall to.
func (s *Spawner) Orphans() map[string][]int { return nil }
