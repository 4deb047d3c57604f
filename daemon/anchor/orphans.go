package anchor

import (
	"slices"
	"strconv"
)

// maxDead bounds the dead orphans that stay zombies until a supervisor has taken note of them.
const maxDead = 8192

// orphans are the children that were left to the anchor and have died. Each stays a zombie until the supervisor has
// acknowledged its status: until then its pid is nobody else's, and whoever supervises next is told again. It is pure:
// others look for the dead, send and reap.
type orphans struct {
	dead   map[int]Orphan // not acknowledged
	untold []int          // of them, those the supervisor that lives was not told of, oldest first
	missed int            // how many were reaped without a word
}

// known reports that a zombie was seen before.
func (o *orphans) known(pid int) bool {
	_, known := o.dead[pid]
	return known
}

// add notes a death. It returns false if there are so many that this one is to be reaped at once.
func (o *orphans) add(dead Orphan) bool {
	if len(o.dead) >= maxDead {
		o.missed++
		return false
	}
	if o.dead == nil {
		o.dead = map[int]Orphan{}
	}
	o.dead[dead.PID] = dead
	o.untold = append(o.untold, dead.PID)
	return true
}

// acknowledge forgets a death, and reports whether there is something to reap.
func (o *orphans) acknowledge(pid int) bool {
	if !o.known(pid) {
		return false
	}
	delete(o.dead, pid)
	if len(o.dead) == 0 {
		o.dead, o.untold = nil, nil // gives back what a burst took
	}
	return true
}

// again has the next supervisor told of all that the last one did not acknowledge.
func (o *orphans) again() {
	told := map[int]bool{}
	for _, pid := range o.untold {
		told[pid] = true
	}
	for pid := range o.dead {
		if !told[pid] {
			o.untold = append(o.untold, pid)
		}
	}
}

// isTold reports that the supervisor that lives was told of a death.
func (o *orphans) isTold(pid int) bool { return o.known(pid) && !slices.Contains(o.untold, pid) }

// waiting reports that the supervisor is still to be told something.
func (o *orphans) waiting() bool { return len(o.untold) > 0 || o.missed > 0 }

// flush tells as much as goes, and keeps the rest.
func (o *orphans) flush(send func(string) error) {
	sent := 0
	for _, pid := range o.untold {
		if dead, still := o.dead[pid]; still && send(dead.String()) != nil {
			break
		}
		sent++
	}
	o.untold = o.untold[sent:]
	if len(o.untold) > 0 {
		return
	}
	o.untold = nil
	if o.missed > 0 && send(MessageMissed+" "+strconv.Itoa(o.missed)) == nil {
		o.missed = 0
	}
}
