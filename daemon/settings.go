package daemon

import (
	"net/http"

	"weaver/api"
	"weaver/config"
	"weaver/logs"
)

// rotation is what the settings say of log files.
func rotation(s *config.Settings) logs.Rotation {
	return logs.Rotation{
		MaxSize: s.Log.MaxSize, MaxAge: s.Log.MaxAge.D(), Keep: s.Log.Keep, Compress: s.Log.Compress, DateFormat: s.Log.DateFormat,
	}
}

// applySettings gives the settings to the parts that can change while they run.
func (d *daemon) applySettings(s *config.Settings) {
	status, metrics := s.Cache.StatusTTL.D(), s.Cache.MetricsTTL.D()
	if !s.Cache.Enabled {
		status, metrics = 0, 0
	}
	d.renderings.SetTTL(status)
	d.sampler.SetTTL(metrics)
	if s.Cache.MaxEntries > 0 {
		d.renderings.SetMaxEntries(s.Cache.MaxEntries)
	}
}

func (d *daemon) settingsGet(w http.ResponseWriter, _ *http.Request) error {
	return answer(w, d.settings.Load().Map())
}

// settingsSet changes some settings, keeps them and applies them at once; a setting that makes no sense changes nothing.
func (d *daemon) settingsSet(w http.ResponseWriter, r *http.Request) error {
	var change map[string]string
	if err := read(r, &change); err != nil {
		return err
	}
	s := *d.settings.Load()
	for key, value := range change {
		if err := s.Set(key, value); err != nil {
			return &api.Error{Kind: api.Invalid, Message: err.Error()}
		}
	}
	if err := config.SaveSettings(d.home.Settings(), s); err != nil {
		return err
	}
	d.settings.Store(&s)
	d.applySettings(&s)
	return answer(w, s.Map())
}

func (d *daemon) cacheStats(w http.ResponseWriter, _ *http.Request) error { return answer(w, d.figures()) }

func (d *daemon) cacheClear(w http.ResponseWriter, _ *http.Request) error {
	d.renderings.Clear()
	d.hosts.Clear()
	d.sampler.Clear()
	return answer(w, d.figures())
}
