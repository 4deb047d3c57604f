package watch

import "time"

// few is how many changed paths are kept to name one that exists; with Hash, all are.
const few = 64

// pending is what has changed since the last call.
type pending struct {
	paths       []string // in the order in which they changed
	seen        map[string]struct{}
	all         bool
	first, last time.Time
}

func (p *pending) add(path string, now time.Time) {
	if p.empty() {
		p.first = now
	}
	p.last = now
	if _, ok := p.seen[path]; ok || len(p.paths) >= few && !p.all {
		return
	}
	if p.seen == nil {
		p.seen = make(map[string]struct{})
	}
	p.seen[path] = struct{}{}
	p.paths = append(p.paths, path)
}

func (p *pending) empty() bool { return len(p.paths) == 0 }

// due is when to call: after delay and when it has been quiet, or when that has taken too long.
func (p *pending) due(delay, quiet time.Duration) time.Time {
	const patience = 20
	due, silent, latest := p.first.Add(delay), p.last.Add(quiet), p.first.Add(delay+patience*quiet)
	if silent.After(due) {
		due = silent
	}
	if due.After(latest) {
		due = latest
	}
	return due
}

func (p *pending) clear() {
	p.paths = nil
	clear(p.seen)
}
