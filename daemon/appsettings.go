package daemon

import (
	"sync"

	"go.uber.org/zap"

	"weaver/app"
	"weaver/config"
)

// appSettings are what is set for apps, as the file had it when it was looked at last.
type appSettings struct {
	mu    sync.Mutex
	stamp stamp
	conf  config.ModuleConf
}

// untold reports that an app which the arguments mean was not told yet what is set for it now. The front end tells it.
func (d *daemon) untold(args []string) bool {
	s := &d.appSettings
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := stampOf(d.home.ModuleConf()); now != s.stamp {
		conf, err := config.LoadModuleConf(d.home)
		if err != nil {
			d.log.Warn("settings of apps", zap.Error(err)) // the last ones that could be read count
		} else {
			s.conf = conf
		}
		s.stamp = now
	}
	list := d.sup.Look()
	for _, t := range selectorsOf(args) {
		at, err := t.MatchEach(len(list), func(i int) *app.Process { return list[i] }, "")
		if err != nil {
			continue // whoever applies it says so
		}
		for _, i := range at {
			if p := list[i]; p.Spec != nil && s.conf.Untold(p.Name, p.Spec.Env) {
				return true
			}
		}
	}
	return false
}
