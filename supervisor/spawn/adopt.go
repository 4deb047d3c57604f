package spawn

import "time"

// Former is a child that a former supervisor had, as that one wrote it down.
type Former struct {
	PID       int
	StartTime uint64
	Tag       string
	Group     string // directory of its control group; "" if it has none
	Why       string // and why not
	Dead      bool   // the main process is known to be gone: the pid may be anybody's
	Bounds    Bounds
	Holds     []Hold // nil, with Bounds: to be looked for
}

// Adopt takes over what is left of a child whose supervisor died. alive reports that its main process is there, at least
// as a zombie: exited is then called as after Launch. If not it never is. Either way WhenEmpty tells when the tree is gone.
//
// The process is no child of ours, so nobody here can wait for it. Its status comes from whoever it was left to: see Reaped.
func (s *Spawner) Adopt(f Former, exited func(Exit)) (c *Child, alive bool, err error) {
	c = &Child{PID: f.PID, StartTime: f.StartTime, Tag: f.Tag, spawner: s, exited: exited, since: time.Now(), bounds: f.Bounds, holds: f.Holds}
	alive, err = s.adopt(c, f)
	if err != nil {
		return nil, false, err
	}
	return c, alive, nil
}
