package pm2

import (
	"math"
	"strconv"
	"time"

	"weaver/app"
)

// AppendMini appends what `list -m` prints: a few lines and an empty one per process, by id unless o.Sort asks for another.
func AppendMini(dst []byte, list []app.Process, o TableOptions) []byte {
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	sort := o.Sort
	if sort == "" {
		sort = "id"
	}
	for _, i := range sorted(list, sort) {
		p := &list[i]
		dst = appendMiniLine(dst, "+--- ", p.Name)
		dst = appendMiniLine(dst, "namespace : ", namespace(p, specOf(p)))
		dst = appendMiniLine(dst, "version : ", versionOf(p))
		dst = strconv.AppendInt(append(dst, "pid : "...), int64(p.PID), 10)
		dst = strconv.AppendInt(append(dst, "\npm2 id : "...), int64(p.ID), 10)
		dst = append(append(dst, "\nstatus : "...), p.Status...)
		short := "fork"
		if mode(p, specOf(p)) == app.Cluster {
			short = "cluster"
		}
		dst = append(append(dst, "\nmode : "...), short...)
		dst = strconv.AppendInt(append(dst, "\nrestarted : "...), int64(p.Restarts), 10)
		dst = appendUptimeOf(append(dst, "\nuptime : "...), p, o.Now)
		dst = appendMemory(append(dst, "\nmemory usage : "...), p.Usage.Memory)
		// The blank before the newline is PM2's.
		dst = appendMiniLine(append(dst, " \n"...), "error log : ", instancePath(p.ErrorPath, specOf(p).ErrorFile, p, specOf(p)))
		watching := "no"
		if p.Watching {
			watching = "yes"
		}
		dst = append(append(dst, "watching : "...), watching...)
		dst = appendMiniLine(dst, "\nPID file : ", p.PIDPath)
		dst = append(dst, '\n')
	}
	return dst
}

func appendMiniLine(dst []byte, label, s string) []byte {
	dst = append(dst, label...)
	dst, _ = appendText(dst, s, math.MaxInt, true)
	return append(dst, '\n')
}

// AppendEnvList appends what `env <id>` prints: the variables of a process, and its settings that are not defaults, the
// last of the record first, as PM2 has it. Values are printed as they are.
func AppendEnvList(dst []byte, p *app.Process) []byte {
	record := Env(p, EnvOptions{})
	front := 0
	for front < record.Len() {
		if _, isIndex := index(record.members[front].Key); !isIndex {
			break
		}
		dst = appendEnvLine(dst, record.members[front])
		front++
	}
	for i := record.Len() - 1; i >= front; i-- {
		dst = appendEnvLine(dst, record.members[i])
	}
	return dst
}

func appendEnvLine(dst []byte, m Member) []byte {
	if hiddenByEnv(m.Key) || m.Value.kind == object || m.Value.kind == null {
		return dst
	}
	dst = append(append(dst, m.Key...), ": "...)
	for i, v := range m.Value.list {
		if i > 0 {
			dst = append(dst, ',')
		}
		s, _ := v.scalar()
		dst = append(dst, s...)
	}
	s, _ := m.Value.scalar()
	return append(append(dst, s...), '\n')
}
