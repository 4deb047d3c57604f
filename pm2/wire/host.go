package wire

import (
	"context"
	"encoding/json"
	"math"

	"weaver/pm2"
	"weaver/pm2/axon"
)

// getSystemData gives the figures of PM2's last line.
func (s *Server) getSystemData(context.Context, axon.Call) (any, error) {
	h := s.Backend.Host()
	out := &pm2.Object{}
	add := func(name, unit string, value float64) {
		o := &pm2.Object{}
		o.Set("value", pm2.Number(value))
		o.Set("type", pm2.String("metric"))
		o.Set("unit", pm2.String(unit))
		o.Set("historic", pm2.Bool(true))
		out.Set(name, pm2.Of(o))
	}
	if h.MemoryTotal == 0 {
		return json.RawMessage("{}"), nil // nothing is known, and PM2's front end leaves the line out
	}
	megabytes := func(n float64) float64 { return math.Round(n/(1<<20)*1000) / 1000 }
	add("CPU Usage", "%", math.Round(h.CPU*10)/10)
	add("RAM Usage", "%", math.Round(h.MemoryUsed/h.MemoryTotal*1000)/10)
	add("RAM Total", "b", h.MemoryTotal)
	add("RAM Available", "b", h.MemoryTotal-h.MemoryUsed)
	add("RAM Active", "b", h.MemoryUsed)
	add("net:rx_5:all", "mb/s", megabytes(h.NetRecv))
	add("net:tx_5:all", "mb/s", megabytes(h.NetSent))
	add("Disk Reads", "mb/s", megabytes(h.DiskRead))
	add("Disk Writes", "mb/s", megabytes(h.DiskWrite))
	return raw(out), nil
}

// getReport says what the daemon is. PM2 tells its whole environment here; weaver's daemon keeps it to itself.
func (s *Server) getReport(context.Context, axon.Call) (any, error) {
	a := s.Backend.About()
	out := &pm2.Object{}
	out.Set("pm2_version", pm2.String(s.Version))
	out.Set("weaver_version", pm2.String(a.Version))
	out.Set("node_version", pm2.String("N/A"))
	out.Set("node_path", pm2.String(a.Program))
	out.Set("argv0", pm2.String(a.Program))
	out.Set("argv", pm2.Strings(a.Args))
	out.Set("uid", pm2.Number(a.UID))
	out.Set("gid", pm2.Number(a.GID))
	out.Set("env", pm2.Of(&pm2.Object{}))
	out.Set("managed_apps", pm2.Number(len(s.Backend.List())))
	out.Set("started_at", pm2.Number(a.Started.UnixMilli()))
	return raw(out), nil
}
