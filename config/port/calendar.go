package port

import (
	"fmt"
	"strconv"
	"strings"
)

// calendar is a cron expression as systemd's OnCalendar has it. There are two where both a day of the month and one of the
// week are asked for: cron takes either, systemd only what is both. ok is false where there is no counterpart.
func calendar(cron string) (list []string, ok bool) {
	if word, found := map[string]string{
		"@hourly": "hourly", "@daily": "daily", "@midnight": "daily", "@weekly": "weekly", "@monthly": "monthly", "@yearly": "yearly", "@annually": "yearly",
	}[strings.TrimSpace(cron)]; found {
		return []string{word}, true
	}
	f := strings.Fields(cron)
	second := "00"
	switch len(f) {
	case 5:
	case 6:
		if second, ok = calendarField(f[0], 0, 59, nil); !ok {
			return nil, false
		}
		f = f[1:]
	default:
		return nil, false
	}
	months := []string{"", "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}
	minute, okMinute := calendarField(f[0], 0, 59, nil)
	hour, okHour := calendarField(f[1], 0, 23, nil)
	day, okDay := calendarField(f[2], 1, 31, nil)
	month, okMonth := calendarField(f[3], 1, 12, months)
	week, okWeek := weekdays(f[4])
	if !okMinute || !okHour || !okDay || !okMonth || !okWeek {
		return nil, false
	}
	at := func(week, day string) string {
		if week != "" {
			week += " "
		}
		return fmt.Sprintf("%s*-%s-%s %s:%s:%s", week, month, day, hour, minute, second)
	}
	if week != "" && day != "*" {
		return []string{at("", day), at(week, "*")}, true
	}
	return []string{at(week, day)}, true
}

// calendarField is one field: *, numbers, A-B and /N, comma separated.
func calendarField(s string, low, high int, names []string) (string, bool) {
	var out []string
	for part := range strings.SplitSeq(s, ",") {
		span, step, stepped := strings.Cut(part, "/")
		from, to := "", ""
		switch a, b, isRange := strings.Cut(span, "-"); {
		case span == "*" || span == "?":
			if !stepped {
				return "*", true
			}
			from = number(low)
		default:
			n, ok := fieldNumber(a, low, high, names)
			if !ok {
				return "", false
			}
			from = number(n)
			if isRange {
				m, ok := fieldNumber(b, low, high, names)
				if !ok || m < n {
					return "", false
				}
				to = ".." + number(m)
			}
		}
		if stepped {
			n, err := strconv.Atoi(step)
			if err != nil || n < 1 || n > high {
				return "", false
			}
			step = "/" + strconv.Itoa(n)
		}
		out = append(out, from+to+step)
	}
	return strings.Join(out, ","), true
}

func number(n int) string { return fmt.Sprintf("%02d", n) }

func fieldNumber(s string, low, high int, names []string) (int, bool) {
	for i, name := range names {
		if name != "" && strings.EqualFold(name, s) {
			return i, true
		}
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= low && n <= high
}

// weekdays is the last field of a cron expression, by systemd's names; "" is every day.
func weekdays(s string) (string, bool) {
	days := []string{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}
	on := map[int]bool{}
	for part := range strings.SplitSeq(s, ",") {
		span, step, stepped := strings.Cut(part, "/")
		a, b, isRange := strings.Cut(span, "-")
		from, to, every := 0, 6, 1
		if span != "*" && span != "?" {
			var ok bool
			if from, ok = fieldNumber(a, 0, 7, days); !ok {
				return "", false
			}
			if to = from; isRange {
				if to, ok = fieldNumber(b, 0, 7, days); !ok {
					return "", false
				}
				if to < from && to == 0 {
					to = 7
				}
			} else if stepped {
				to = 6
			}
		}
		if stepped {
			var err error
			if every, err = strconv.Atoi(step); err != nil || every < 1 {
				return "", false
			}
		}
		if to < from {
			return "", false
		}
		for d := from; d <= to; d += every {
			on[d%7] = true
		}
	}
	if len(on) == 7 {
		return "", true
	}
	var out []string
	for _, d := range []int{1, 2, 3, 4, 5, 6, 0} {
		if on[d] {
			out = append(out, days[d])
		}
	}
	return strings.Join(out, ","), len(out) > 0
}

// timer has a schedule kept: of a job, or of restarts.
func (w *writer) timer(p *product) {
	if p.CronRestart == "" {
		return
	}
	times, ok := calendar(p.CronRestart)
	if !ok {
		w.say(p, "cron_restart: %s has no counterpart", p.CronRestart)
		return
	}
	unit, what := p.id, "Runs "+p.Name
	if !p.job() || p.count > 1 {
		if p.count > 1 {
			w.say(p, "cron_restart: its timer restarts all instances")
		}
		unit, what = p.id+"-restart", "Restarts "+p.Name
		target := p.id + ".service"
		if p.count > 1 {
			target = p.id + "@*.service"
		}
		w.file(unit+".service", []byte("# Made by weaver export systemd.\n[Unit]\nDescription="+unitText(what)+
			"\n\n[Service]\nType=oneshot\nExecStart=/bin/systemctl try-restart "+unitQuote(target, true)+"\n"))
	}
	var l lines
	l.put("# Made by weaver export systemd, from %s.\n[Unit]\nDescription=%s at set times\n\n[Timer]", printable(p.CronRestart), unitText(what))
	for _, t := range times {
		l.put("OnCalendar=%s", t)
	}
	l.put("AccuracySec=1s\n\n[Install]\nWantedBy=timers.target")
	w.file(unit+".timer", []byte(l.String()))
}

// socket has systemd hold what weaver held: programs that take sockets from it take them from systemd as well.
func (w *writer) socket(p *product) {
	if len(p.Listen) == 0 {
		return
	}
	if p.count > 1 {
		w.say(p, "listen: systemd holds no socket for several instances")
		return
	}
	var l lines
	l.put("# Made by weaver export systemd.\n[Unit]\nDescription=Sockets of %s\n\n[Socket]", unitText(p.Name))
	for _, s := range p.Listen {
		l.put("ListenStream=%s", unitText(s))
	}
	l.put("\n[Install]\nWantedBy=sockets.target")
	w.file(p.id+".socket", []byte(l.String()))
}
