package anchor

import "strconv"

// maxNews bounds what is remembered while no supervisor takes it.
const maxNews = 4096

// news are the orphans that died and that no supervisor was told of yet, oldest first.
type news struct {
	orphans []Orphan
	missed  int
}

func (n *news) empty() bool { return len(n.orphans) == 0 && n.missed == 0 }

func (n *news) add(pid int, status uint32) {
	if len(n.orphans) == maxNews {
		n.missed++
		return
	}
	n.orphans = append(n.orphans, Orphan{pid, status})
}

// flush sends as much as goes, and keeps the rest.
func (n *news) flush(send func(string) error) {
	sent := 0
	for _, o := range n.orphans {
		if send(o.String()) != nil {
			break
		}
		sent++
	}
	n.orphans = n.orphans[sent:]
	if len(n.orphans) > 0 {
		return
	}
	n.orphans = nil // gives back what a burst took
	if n.missed > 0 && send(MessageMissed+" "+strconv.Itoa(n.missed)) == nil {
		n.missed = 0
	}
}
