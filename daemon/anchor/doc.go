// Package anchor keeps a supervisor running, and the processes that it leaves behind from getting lost.
//
// The anchor is the small process that outlives the supervisor. It does almost nothing, so it has nothing to crash on:
// it holds daemon.lock for life, is the subreaper below which all services live, reaps whatever dies there, and starts
// a new supervisor whenever one has ended without saying bye. It never kills a service.
//
// Outside Linux there are no subreapers: there it only restarts the supervisor, and services whose parent has died
// belong to init.
package anchor

// Options say whose anchor it is.
type Options struct {
	Home    string // made if need be
	Lock    string // daemon.lock
	Log     string // anchor.log; what the supervisor prints goes there too
	Weaverd string // the executable to run as "weaverd supervise"
}
