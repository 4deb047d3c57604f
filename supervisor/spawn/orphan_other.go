//go:build !linux

package spawn

// Orphans returns nothing: this system has no subreaper for them to fall to.
func (s *Spawner) Orphans() map[string][]int { return nil }
