package daemon

import (
	"context"
	"encoding/json"
	"math"
	"strconv"
	"time"

	"weaver/api"
	"weaver/app"
	"weaver/pm2"
	"weaver/procstat"
)

// view names a rendering of the list.
type view struct {
	kind  string
	width int
	color bool
	sort  string // as --sort has it
	// struck says that secrets are not in it, in those of which it matters: a table has none.
	struck bool
	// hidden says that what looks secret is struck out of it, as for everybody who has not asked to see that.
	hidden bool
}

// rendering is what one looked like, at one version of the list.
type rendering struct {
	version uint64
	bytes   []byte
}

// render returns the list in one of its forms. Renderings are kept for the status TTL, and not beyond any change: a hundred
// calls a second cost one rendering.
func (d *daemon) render(key view) ([]byte, error) {
	version := d.sup.Version()
	if r, ok := d.renderings.Get(key); ok && r.version == version {
		return r.bytes, nil
	}
	r, err := d.renderings.GetOrLoad(context.Background(), key, func(context.Context) (rendering, error) {
		return d.renderNow(key)
	})
	if err != nil || r.version == version || r.version > version {
		return r.bytes, err
	}
	// Somebody's rendering from before the change: make our own, and let others have it.
	if r, err = d.renderNow(key); err == nil {
		d.renderings.Set(key, r)
	}
	return r.bytes, err
}

func (d *daemon) renderNow(key view) (rendering, error) {
	r := rendering{version: d.sup.Version()}
	list := d.sup.List()
	if key.struck {
		list = shown(list, stranger)
	}
	var err error
	env := d.env
	env.Hide = key.hidden
	switch key.kind {
	case "jlist":
		r.bytes = pm2.AppendJList(nil, list, env)
	case "prettylist":
		r.bytes = pm2.AppendPrettyList(nil, list, env)
	case "json":
		for i := range list {
			list[i].Spec = nil
		}
		r.bytes, err = json.Marshal(list)
		r.bytes = append(r.bytes, '\n')
	default:
		r.bytes = pm2.AppendTable(nil, list, pm2.TableOptions{
			Width: key.width, Color: key.color, Unicode: true, Mini: key.kind == "mini", Sort: key.sort, Now: time.Now(), HostLine: d.hostStats().Line,
		})
	}
	if len(r.bytes) > largeRendering {
		d.memory.soon()
	}
	return r, err
}

// largeRendering is one that is worth giving back to the system, in bytes.
const largeRendering = 1 << 20

// hostStats returns the machine's figures, at most a period old.
func (d *daemon) hostStats() api.HostStats {
	return d.machine.get()
}

func readHost() api.HostStats {
	s, err := procstat.Host()
	if err != nil {
		return api.HostStats{} // a table without its last line is still a table
	}
	return api.HostStats{
		CPU: s.CPU, MemoryUsed: app.Bytes(s.MemUsed), MemoryTotal: app.Bytes(s.MemTotal), Load1: s.Load[0], Line: hostLine(&s),
	}
}

// hostLine is what stands below the table. Networks and disks that do nothing are left out.
func hostLine(s *procstat.HostStats) string {
	line := "host metrics | cpu: " + pm2.CPU(s.CPU) + " | ram usage: " + pm2.CPU(100*float64(s.MemUsed)/float64(max(s.MemTotal, 1)))
	for _, r := range []struct {
		name    string
		in, out float64
	}{{"net", s.NetRecv, s.NetSent}, {"disk", s.DiskRead, s.DiskWrite}} {
		if r.in+r.out > 0 {
			line += " | " + r.name + ": ⇓ " + megabytes(r.in) + " ⇑ " + megabytes(r.out)
		}
	}
	return line
}

// megabytes words a rate as PM2 does.
func megabytes(rate float64) string {
	return strconv.FormatFloat(math.Round(rate/(1<<20)*1000)/1000, 'f', -1, 64) + "mb/s"
}

func (d *daemon) figures() api.CacheStats {
	s := api.CacheStats{Enabled: d.renderings.TTL() > 0, Caches: map[string]api.CacheFigure{}}
	r := d.renderings.Stats()
	s.Caches["status"] = api.CacheFigure{
		Hits: r.Hits, Misses: r.Misses, Entries: r.Entries, Evictions: r.Evictions, Expired: r.Expired, Max: r.Max, TTL: app.Duration(r.TTL),
	}
	m := d.sampler.Stats().Cache
	s.Caches["metrics"] = api.CacheFigure{
		Hits: m.Hits, Misses: m.Misses, Entries: m.Entries, Evictions: m.Evictions, Expired: m.Expired, Max: m.Max, TTL: app.Duration(d.sampler.TTL()),
	}
	return s
}
