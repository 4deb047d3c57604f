//go:build !linux

package spawn

// adopt finds nobody: this system does not tell whether a pid is still the same process's.
func (s *Spawner) adopt(c *Child, _ Former) (bool, error) {
	c.reaped = true
	c.becomeEmpty()
	return false, nil
}

// Reaped does nothing: nobody is adopted here.
func (s *Spawner) Reaped(int, uint64, uint32) bool { return false }

// Find finds nobody.
func (s *Spawner) Find(string) (Former, bool) { return Former{}, false }

// KillUnborn finds nobody.
func (s *Spawner) KillUnborn(func(pid int) bool) int { return 0 }

// Group is none: there are no control groups here.
func (c *Child) Group() (dir, why string) { return "", "" }
