package daemon

import (
	"net/http"
	"strings"

	"weaver/api"
	"weaver/app"
	"weaver/config"
	"weaver/logs"
)

// rotation is what the settings say of log files.
func rotation(s *config.Settings) logs.Rotation {
	keep := s.Log.Keep
	if keep == 0 {
		keep = -1 // all
	}
	return logs.Rotation{MaxSize: orOff(s.Log.MaxSize), MaxAge: s.Log.MaxAge, Keep: keep, Compress: s.Log.Compress, DateFormat: s.Log.DateFormat}
}

// orOff turns a setting's "0 is none" into the log package's "negative is none, 0 is the default".
func orOff(n app.Bytes) app.Bytes {
	if n == 0 {
		return -1
	}
	return n
}

// applySettings gives the settings to the parts that can change while they run.
func (d *daemon) applySettings(s *config.Settings) {
	status, metrics := s.Cache.StatusTTL, s.Cache.MetricsTTL
	if !s.Cache.Enabled {
		status, metrics = 0, 0
	}
	d.renderings.SetTTL(status)
	d.sampler.SetTTL(metrics)
	d.rotator.at(s.Log.RotateAt, d.rotateAll)
	d.sampler.SetMaxEntries(s.Cache.MaxEntries)
	most := maxRenderings // they are large, and hardly ever of use to others
	if n := s.Cache.MaxEntries; n > 0 {
		most = min(most, n)
	}
	d.renderings.SetMaxEntries(most)
}

// maxRenderings bounds the listings that are kept.
const maxRenderings = 32

func (d *daemon) settingsGet(w http.ResponseWriter, _ *http.Request) error {
	return answer(w, settingsMap(d.settings.Load()))
}

// settingsSet changes some settings, keeps them and applies them at once; a setting that makes no sense changes nothing.
func (d *daemon) settingsSet(w http.ResponseWriter, r *http.Request) error {
	var change map[string]string
	if err := read(r, &change); err != nil {
		return err
	}
	op := d.operation(r, "set")
	defer op.end()
	d.setting.Lock() // what two change at once is changed by both
	defer d.setting.Unlock()
	s := *d.settings.Load()
	for key, value := range change {
		op.target(key + "=" + app.RedactValue(key, value))
		if err := s.Set(key, value); err != nil {
			return op.failed(&api.Error{Kind: api.Invalid, Message: err.Error()})
		}
	}
	groups, err := groupsIn(&s)
	if err != nil && asksRoles(change) {
		return op.failed(&api.Error{Kind: api.Invalid, Message: "set " + err.Error()})
	}
	was := d.settings.Load().Metrics.Listen
	if _, given := change["metrics.listen"]; given {
		if err := d.exposer.at(s.Metrics.Listen, d.serveMetrics, d.log); err != nil {
			return op.failed(&api.Error{Kind: api.Invalid, Message: "set metrics.listen: " + err.Error()})
		}
	}
	if err := config.SaveSettings(d.home, s); err != nil {
		d.expose(was)
		return op.failed(err)
	}
	d.settings.Store(&s)
	d.applySettings(&s)
	d.sup.ApplyRotation()
	if asksRoles(change) {
		d.gate.set(groups)
		if err := d.share(); err != nil {
			return op.failed(err)
		}
	}
	return op.answer(w, settingsMap(&s))
}

// asksRoles says that who may use the daemon is among what changes.
func asksRoles(change map[string]string) bool {
	for key := range change {
		if strings.HasPrefix(key, "socket.") {
			return true
		}
	}
	return false
}

// settingsMap lists every setting that weaver knows and every one that somebody gave.
func settingsMap(s *config.Settings) map[string]string {
	m := s.Given()
	if m == nil {
		m = map[string]string{}
	}
	for _, name := range config.SettingNames() {
		m[name], _ = s.Get(name)
	}
	return m
}

func (d *daemon) cacheStats(w http.ResponseWriter, _ *http.Request) error {
	return answer(w, d.figures())
}

func (d *daemon) cacheClear(w http.ResponseWriter, r *http.Request) error {
	op := d.operation(r, "cache clear")
	defer op.end()
	d.renderings.Clear()
	d.machine.clear()
	d.sampler.Clear()
	return op.answer(w, d.figures())
}
