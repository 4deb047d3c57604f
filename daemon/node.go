package daemon

import (
	"go.uber.org/zap"

	"weaver/app"
	"weaver/daemon/preload"
)

// looksInto reports that a process is a Node program that weaver's preload goes into: one that has a channel to tell of
// itself, and that can read the script.
func (d *daemon) looksInto(p *app.Process) bool {
	return d.ipc != nil && preload.Wanted(p.Spec) && d.preload.ReadableBy(p.Spec)
}

// childArgs is what Node programs are started with besides their own arguments.
func (d *daemon) childArgs(p *app.Process) []string {
	var args []string
	if p.Mode == app.Fork && preload.IsNode(p.Spec.Interpreter) {
		args = d.nodeOptions
	}
	if d.looksInto(p) {
		path, err := d.preload.Ready()
		if err == nil {
			return append([]string{"--require", path}, args...)
		}
		d.log.Warn("a service is not looked into", zap.String("app", p.Name), zap.Error(err)) // it runs all the same
	}
	if preload.SourceMaps(p.Spec) {
		return append([]string{"--enable-source-maps"}, args...)
	}
	return args
}
