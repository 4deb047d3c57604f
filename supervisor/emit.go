package supervisor

import (
	"strconv"
	"time"

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
	lifecycle.WhatOpened:       app.EventWarning,
	lifecycle.WhatClosed:       app.EventWarning,
	lifecycle.WhatUnready:      app.EventWarning,
}

// emit does what goes with an event: the pid file, the sampler, the bus.
func (k *keeper) emit(e lifecycle.Emit) {
	k.keepState(e.What)
	switch e.What {
	case lifecycle.WhatOnline:
		k.sup.sampleAgain(k.state.Cur.PID)
	case lifecycle.WhatStopped, lifecycle.WhatErrored, lifecycle.WhatGone:
		k.sup.launcher.removePID(k.proc.PIDPath)
	case lifecycle.WhatRestarting: // without a delay the file is about to be overwritten
		if e.Delay > 0 {
			k.sup.launcher.removePID(k.proc.PIDPath)
		}
	}
	kind, ok := kinds[e.What]
	if !ok {
		return
	}
	v := k.view.Load()
	ev := app.Event{
		Kind: kind, ID: k.id, Name: v.Name, Namespace: v.Namespace, Gen: e.Gen, PID: v.PID, Status: v.Status,
		Manually: k.byHand, Delay: e.Delay, Cause: k.causeOf(e.What), Asked: e.Asked, Restarts: v.Restarts,
	}
	switch e.What {
	case lifecycle.WhatExited:
		ev.Exit, ev.Message = v.Exit, v.Reason
	case lifecycle.WhatErrored:
		ev.Message = v.Reason
	case lifecycle.WhatOpened:
		ev.Message = "the circuit is open: no restart for " + k.policy.OpenFor.String() + ", then one trial"
	case lifecycle.WhatClosed:
		ev.Message = "the trial lasted: the circuit is closed"
	case lifecycle.WhatUnready:
		ev.Message = unready(k.policy.ListenTimeout)
	case lifecycle.WhatReloadFailed:
		ev.Message = "the new process ended before it was ready; the old one goes on"
		if k.state.Unready == e.Gen {
			ev.Message = notReady(k.policy.ReloadTimeout) + "; the old one goes on"
		}
	}
	k.publishEvent(ev)
}

// notReady is said of a process that has not replaced another, which was ready.
func notReady(patience time.Duration) string {
	return "the new process neither listened nor said that it is ready within " + patience.String() + " (listen_timeout)"
}

// unready is said of a process that was waited for in vain.
func unready(patience time.Duration) string {
	return "it did not say that it is ready within " + patience.String() + " (listen_timeout), and is taken for online"
}

// publishEvent tells the world, and remembers.
func (k *keeper) publishEvent(e app.Event) {
	if v := k.view.Load(); v.Spare { // it is nobody's process; only what goes wrong is news
		if e.Kind == app.EventFailed || e.Kind == app.EventOverlimit {
			k.sup.bus.publish(app.Event{Kind: app.EventWarning, ID: -1, Name: v.Name, Message: "a spare of " + v.Name + ": " + string(e.Kind) + ": " + e.Message})
		}
		return
	}
	k.past.add(k.sup.bus.publish(e))
}

// causeOf says why something happens. An exit that nobody asked for has its own reason.
func (k *keeper) causeOf(w lifecycle.What) string {
	if w == lifecycle.WhatOnline {
		return ""
	}
	return k.cause
}

// tellKill says that a child gets SIGKILL, and why.
func (k *keeper) tellKill(gen uint64) {
	v := k.view.Load()
	k.publishEvent(app.Event{
		Kind: app.EventSignal, ID: k.id, Name: v.Name, Namespace: v.Namespace, Gen: gen, PID: v.PID, Status: v.Status,
		Message: "SIGKILL: it did not end within " + k.policy.KillTimeout.String() + " of being asked",
	})
}

func itoa(n int) string { return strconv.Itoa(n) }
