//go:build !unix

package daemon

// removed is what the daemon knows of the removal of its home, which cannot be removed while it is used.
type removed struct {
	looks int
	taken bool
}

func (d *daemon) homeless() bool { return false }
