//go:build !linux

package spawn

// hold can hold nothing: there are no control groups here, and trees are not known well enough to pause them.
func hold(b Bounds) (holds []Hold) {
	for _, r := range []struct {
		what  Resource
		asked bool
	}{{CPU, b.CPU > 0}, {Memory, b.Memory > 0}, {Pids, b.Pids > 0}, {IO, b.IOWeight > 0}} {
		if r.asked {
			holds = append(holds, Hold{What: r.what, Why: "not supported on this system"})
		}
	}
	return holds
}

// OOMKills is not told here.
func (c *Child) OOMKills() uint64 { return 0 }
