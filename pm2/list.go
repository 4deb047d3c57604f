package pm2

import (
	"strconv"

	"weaver/app"
)

// AppendJList appends what `jlist` prints: a compact JSON array without a newline, as JSON.stringify makes it.
func AppendJList(dst []byte, list []app.Process, o EnvOptions) []byte {
	var b builder
	dst = append(dst, '[')
	for i := range list {
		p := &list[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '{')
		if hasPID(p) {
			dst = append(dst, `"pid":`...)
			dst = strconv.AppendInt(dst, int64(p.PID), 10)
			dst = append(dst, ',')
		}
		dst = append(dst, `"name":`...)
		dst = appendString(dst, p.Name)
		dst = append(dst, `,"pm2_env":`...)
		b.build(p, o)
		dst = b.record.AppendJSON(dst)
		dst = append(dst, `,"pm_id":`...)
		dst = strconv.AppendInt(dst, int64(p.ID), 10)
		dst = append(dst, `,"monit":{"memory":`...)
		dst = strconv.AppendInt(dst, int64(p.Usage.Memory), 10)
		dst = append(dst, `,"cpu":`...)
		dst = appendNumber(dst, roundCPU(p.Usage.CPU))
		dst = append(dst, "}}"...)
	}
	return append(dst, ']')
}

// AppendPrettyList appends what `prettylist` prints: the same as AppendJList in util.inspect's form, without a newline.
func AppendPrettyList(dst []byte, list []app.Process, o EnvOptions) []byte {
	all := Value{kind: array}
	for i := range list {
		all.list = append(all.list, Of(Monitored(&list[i], o)))
	}
	return append(dst, Inspect(all)...)
}

// Monitored makes one element of `jlist`, which is also what PM2's getMonitorData returns.
func Monitored(p *app.Process, o EnvOptions) *Object {
	monit := &Object{}
	monit.add("memory", Number(int64(p.Usage.Memory)))
	monit.add("cpu", Number(roundCPU(p.Usage.CPU)))
	out := &Object{}
	if hasPID(p) {
		out.add("pid", Number(p.PID))
	}
	out.add("name", String(p.Name))
	out.add("pm2_env", Of(Env(p, o)))
	out.add("pm_id", Number(int(p.ID)))
	out.add("monit", Of(monit))
	return out
}

// hasPID reports that PM2 has a pid for a process, if only 0: it has none for one that was stopped when it was resurrected.
func hasPID(p *app.Process) bool {
	return p.PID != 0 || p.Gen != 0 || p.Status != app.Stopped || p.Spec == nil || !p.Spec.InstancesUnknown
}
