//go:build unix && !linux

package anchor

// pourer is not to be had: pipes die with their supervisor here.
type pourer struct{}

func (a *anchor) beginPouring() {}

func (a *anchor) endPouring() {}

func (a *anchor) noteOwner() {}

func (a *anchor) disown() {}

func (*pourer) starts()         {}
func (*pourer) lives(int, bool) {}
