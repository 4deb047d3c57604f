//go:build !linux

package spawn

// orphans and carriers are nothing here.
type (
	orphans  struct{}
	carriers struct{}
)

// Orphans returns nothing: this system has no subreaper for them to fall to.
func (s *Spawner) Orphans() map[string][]int { return nil }
