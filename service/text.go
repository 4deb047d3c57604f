package service

import (
	"strconv"
	"time"

	"weaver/app"
)

// line appends "label value\n".
func line(dst []byte, label, value string) []byte {
	dst = append(dst, label...)
	dst = append(dst, ": "...)
	dst = append(dst, value...)
	return append(dst, '\n')
}

// decimal is n with one digit after the point.
func decimal(n float64) string { return strconv.FormatFloat(n, 'f', 1, 64) }

// secondsOf is a number of seconds as a duration, whole.
func secondsOf(n float64) time.Duration {
	return time.Duration(n * float64(time.Second)).Truncate(time.Second)
}

func percent(n float64) string { return decimal(n) + "%" }

// megabytes is one number with one unit, whatever the size: scripts compare it.
func megabytes(n app.Bytes) string { return decimal(float64(n)/(1<<20)) + " MB" }

// seconds is one number with one unit; from a minute on people get their own.
func seconds(n float64) string {
	s := decimal(n) + " s"
	if d := secondsOf(n); d >= time.Minute {
		s += " (" + span(d) + ")"
	}
	return s
}

// span is a duration in its two largest units.
func span(d time.Duration) string {
	units := []struct {
		d    time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}}
	for i, u := range units {
		if d < u.d {
			continue
		}
		s := strconv.Itoa(int(d/u.d)) + u.name
		if i+1 < len(units) {
			if rest := d % u.d / units[i+1].d; rest > 0 {
				s += " " + strconv.Itoa(int(rest)) + units[i+1].name
			}
		}
		return s
	}
	return "0s"
}

// AppendStatus appends what `service status NAME` prints.
func AppendStatus(dst []byte, s *Status) []byte {
	dst = line(dst, "Name", s.Name)
	dst = line(dst, "Status", string(s.State)+" ("+string(s.Status)+")")
	dst = line(dst, "Uptime", seconds(s.Uptime))
	dst = line(dst, "Restarts", strconv.Itoa(s.Restarts))
	instances := strconv.Itoa(s.Instances)
	if s.Running != s.Instances {
		instances += " (" + strconv.Itoa(s.Running) + " running)"
	}
	dst = line(dst, "Instances", instances)
	dst = line(dst, "PID", strconv.Itoa(s.PID))
	dst = line(dst, "CPU", percent(s.CPU))
	dst = line(dst, "Memory", megabytes(s.Memory))
	dst = line(dst, "Threads", strconv.Itoa(s.Threads))
	if s.Reason != "" {
		dst = line(dst, "Reason", s.Reason)
	}
	for i := range s.Processes {
		p := &s.Processes[i]
		dst = append(dst, '\n')
		dst = line(dst, "Instance", strconv.Itoa(p.Instance)+" (id "+p.ID.String()+")")
		dst = line(dst, "  Status", string(p.Status))
		dst = line(dst, "  PID", strconv.Itoa(p.PID))
		dst = line(dst, "  Restarts", strconv.Itoa(p.Restarts)+" ("+strconv.Itoa(p.Unstable)+" unstable)")
		dst = line(dst, "  CPU", percent(p.Usage.CPU))
		dst = line(dst, "  Memory", megabytes(p.Usage.Memory))
		dst = line(dst, "  Out log", p.OutPath)
		dst = line(dst, "  Error log", p.ErrorPath)
		if p.Reason != "" {
			dst = line(dst, "  Reason", p.Reason)
		}
	}
	return dst
}

// AppendStarted appends what `service start` prints once the service is up.
func AppendStarted(dst []byte, s *Status) []byte {
	if s.PID == 0 && s.Reason != "" { // it was asked for no more than to be recorded
		dst = append(dst, s.Name+" started: "+s.Reason+"\n"...)
		return line(dst, "PID", "0")
	}
	dst = append(dst, s.Name+" started"...)
	if s.Instances > 1 {
		dst = append(dst, " ("+strconv.Itoa(s.Instances)+" instances)"...)
	}
	dst = append(dst, '\n')
	dst = line(dst, "PID", strconv.Itoa(s.PID))
	dst = line(dst, "Memory", megabytes(s.Memory))
	return line(dst, "CPU", percent(s.CPU))
}

// AppendDone appends one line: NAME and what was done to it.
func AppendDone(dst []byte, name, done string, instances int) []byte {
	dst = append(dst, name+" "+done...)
	if instances > 1 {
		dst = append(dst, " ("+strconv.Itoa(instances)+" instances)"...)
	}
	return append(dst, '\n')
}
