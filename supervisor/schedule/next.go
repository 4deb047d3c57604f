package schedule

import "time"

// Next is when the schedule is due after a time, in whole seconds and in the schedule's time zone; the zero time if it
// never is, like on the 30th of February.
func (s Schedule) Next(after time.Time) time.Time {
	if s.zone == nil {
		return time.Time{}
	}
	elapsed := s.everyHour()
	at := after.Unix() + 1
	for {
		p := periodAt(at, s.zone)
		from := at + p.offset
		if !elapsed && p.bounded {
			leap, repeated := p.start+p.before, p.start+p.before
			if at == p.start && p.offset > p.before {
				if wall, ok := s.match(leap); ok && wall < p.start+p.offset {
					return time.Unix(at, 0).In(s.zone)
				}
			}
			from = max(from, repeated)
		}
		wall, ok := s.match(from)
		if !ok {
			return time.Time{}
		}
		if due := wall - p.offset; !p.ends || due < p.end {
			return time.Unix(due, 0).In(s.zone)
		}
		at = p.end
	}
}

// period is a stretch of time in which a zone's clocks do not change. Times are seconds since 1970; offsets, seconds
// east of Greenwich.
type period struct {
	offset        int64
	bounded, ends bool  // whether it has a start, an end
	start, end    int64 // the first second in it, the first after
	before        int64 // the offset of the period before
}

func periodAt(at int64, zone *time.Location) period {
	t := time.Unix(at, 0).In(zone)
	_, offset := t.Zone()
	p := period{offset: int64(offset)}
	start, end := t.ZoneBounds()
	if p.bounded = !start.IsZero(); p.bounded {
		_, before := start.Add(-time.Second).Zone()
		p.start, p.before = start.Unix(), int64(before)
	}
	if p.ends = !end.IsZero(); p.ends {
		p.end = end.Unix()
		// Where a zone goes on by a rule package time has years of 365 days: the last one of a leap year lies behind its own end.
		for p.end <= at {
			p.end += 24 * 60 * 60
		}
	}
	return p
}
