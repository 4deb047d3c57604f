package spawn

import "time"

// meter decides when a tree has to pause so that it uses no more than its share. It is an account of CPU time: the share
// comes in as time goes by, what is used goes out, and who is in debt pauses until it is paid. So the mean is the share
// whatever the clock does, and what idles is never paused.
type meter struct {
	share  float64 // cores
	cores  float64 // that it could use at once
	credit time.Duration
	used   time.Duration // as of the last look
	at     time.Time     // of the last look; zero before the first
}

const (
	// burstTime is how long a tree may save its share up.
	burstTime = 200 * time.Millisecond
	// debtTime bounds what is counted at once: a figure that jumped must not pause a service for long.
	debtTime = 2 * time.Second
	// The shortest and the longest time between two looks at a tree that runs.
	minLook = 5 * time.Millisecond
	maxLook = 100 * time.Millisecond
)

func (m *meter) burst() time.Duration { return scaled(burstTime, m.share) }

func scaled(d time.Duration, f float64) time.Duration { return time.Duration(float64(d) * f) }

// look takes what the tree has used in all by now. It returns how long to pause, or 0 and how long to run before the next
// look.
func (m *meter) look(now time.Time, used time.Duration) (pause, run time.Duration) {
	if m.at.IsZero() {
		m.credit = m.burst() / 2
	} else {
		m.credit += scaled(now.Sub(m.at), m.share) - max(used-m.used, 0)
		m.credit = min(max(m.credit, -scaled(debtTime, m.cores)), m.burst())
	}
	m.at, m.used = now, used
	if m.credit < 0 {
		return max(scaled(-m.credit, 1/m.share), minLook), 0
	}
	// When the credit could be gone at the earliest.
	return 0, min(max(scaled(m.credit, 1/m.cores), minLook), maxLook)
}

// forgive lets the tree run now: it was asked something, and is to answer.
func (m *meter) forgive() { m.credit = m.burst() }

// spent adds up the CPU time of a tree whose processes come and go.
type spent struct {
	total time.Duration
	seen  map[processKey]times
	owed  time.Duration // of processes that have gone, and whose parents have not got their time yet
	since time.Time     // when the last one went
}

type processKey struct {
	pid   int
	start uint64
}

// times is the CPU time of one process, and that of the children it waited for.
type times struct{ own, reaped time.Duration }

// owedFor is how long the time of a process that has gone may take to reach its parent.
const owedFor = time.Second

// add takes the times of all there are now, and returns the total. What was used before the first call does not count.
func (s *spent) add(now time.Time, list map[processKey]times) time.Duration {
	if s.seen == nil {
		s.seen = list
		return 0
	}
	var inherited time.Duration
	for key, t := range list {
		old := s.seen[key]
		s.total += max(t.own-old.own, 0)
		inherited += max(t.reaped-old.reaped, 0)
	}
	if now.Sub(s.since) > owedFor {
		s.owed = 0
	}
	for key, old := range s.seen {
		if _, still := list[key]; !still {
			s.owed += old.own + old.reaped
			s.since = now
		}
	}
	known := min(s.owed, inherited)
	s.owed -= known
	s.total += inherited - known
	s.seen = list
	return s.total
}
