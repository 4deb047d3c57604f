package supervisor

import (
	"os"
	"path/filepath"
	"strconv"

	"weaver/app"
	"weaver/supervisor/lifecycle"
)

// kinds translates what the machine emits into what the bus says. Stopping is a status, not news.
var kinds = map[lifecycle.What]app.Kind{
	lifecycle.WhatStarting:     app.EventStart,
	lifecycle.WhatOnline:       app.EventOnline,
	lifecycle.WhatExited:       app.EventExit,
	lifecycle.WhatRestarting:   app.EventRestart,
	lifecycle.WhatReloadFailed: app.EventFailed,
	lifecycle.WhatStopped:      app.EventStop,
	lifecycle.WhatErrored:      app.EventOverlimit,
	lifecycle.WhatGone:         app.EventDelete,
}

// emit does what goes with an event: the pid file, the sampler, the bus.
func (k *keeper) emit(e lifecycle.Emit) {
	switch e.What {
	case lifecycle.WhatOnline:
		k.sup.sampleAgain(k.state.Cur.PID)
		k.writePID()
	case lifecycle.WhatExited:
		if k.state.Cur.Gen == e.Gen || k.state.Cur.Gen == 0 {
			os.Remove(k.proc.PIDPath) // it may never have been written
		}
	}
	kind, ok := kinds[e.What]
	if !ok {
		return
	}
	v := k.view.Load()
	ev := app.Event{
		Kind: kind, ID: k.id, Name: v.Name, Namespace: v.Namespace, Gen: e.Gen, PID: v.PID, Status: v.Status,
		Manually: k.byHand, Delay: e.Delay,
	}
	switch e.What {
	case lifecycle.WhatExited:
		ev.Exit, ev.Message = v.Exit, v.Reason
	case lifecycle.WhatErrored:
		ev.Message = v.Reason
	case lifecycle.WhatReloadFailed:
		ev.Message = "the new process ended before it was ready; the old one goes on"
	}
	k.sup.bus.publish(ev)
}

// writePID leaves the main process's pid where tools look for it. It is written in place, as PM2 does: a reader sees
// the old number or the new one, and nothing depends on it after a crash.
func (k *keeper) writePID() {
	path := k.proc.PIDPath
	if path == "" {
		return
	}
	data := strconv.AppendInt(nil, int64(k.state.Cur.PID), 10)
	err := os.WriteFile(path, data, 0o644)
	if os.IsNotExist(err) {
		if err = os.MkdirAll(filepath.Dir(path), 0o755); err == nil {
			err = os.WriteFile(path, data, 0o644)
		}
	}
	k.fail("write the pid file", err)
}

func itoa(n int) string { return strconv.Itoa(n) }
