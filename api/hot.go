package api

// The hot door serves the thin front end, which has no room for JSON: words in, bytes out.
//
//	GET  /v1/hot/<verb>?a=<argument>&a=…&w=<columns, 0 no terminal>&c=<1 colour>&p=<persona>&f=<flag>… HTTP/1.1
//	POST /v1/hot/<verb>?…     for verbs that change something; the locks' descriptors come with it by SCM_RIGHTS
//
// A 200 answer has these headers: Weaver-Exit, the exit code; Weaver-Err, how many bytes at the start of the body belong
// on stderr (the rest on stdout); Weaver-Version, as every answer of the daemon; Content-Length. Any other answer means: not a hot form, exec the full front end.
//
// A verb that changes something may have l=1: the locks that came along are those of the apps named like the arguments. If
// the arguments mean other apps, the answer is 409 and nothing was done.
//
// POST takes o=<id> as all that changes something does: see QueryOp.
//
// GET /v1/hot/resolve?a=… answers the names of the apps that the arguments mean, one a line, sorted: the locks to take.
//
// POST /v1/front?o=… has the daemon run the full front end on a command line. The body has fields that each end in a zero
// byte: the version of the asker, its directory and the device and inode of that, the columns of the terminal on its
// stdout (empty without one), "1" if there is one on its stderr, the number of arguments, they, its environment. 101 is
// followed by frames: '1' for stdout or '2' for stderr, a length in four bytes, most significant first, and so many bytes;
// at last 'x' and the exit code in place of a length. Any other answer means that nothing was done. When the connection
// breaks before the last frame, the daemon has died: the same may be asked for again by the id, which ends in Each.
const (
	HeaderExit = "Weaver-Exit"
	HeaderErr  = "Weaver-Err"
	// HeaderVersion is the daemon's.
	HeaderVersion = "Weaver-Version"
)

// FrontProtocol is what a connection goes on with after POST /v1/front.
const FrontProtocol = "weaver-front"

// QueryOp names an operation, so that it can be asked for again when the connection breaks: it is done once, and the answer
// is the same. ID/N begins at the Nth target, when another front end goes on with what one has asked for.
const QueryOp = "o"

// Each ends the id of a command line that may ask for several operations: each has the id with its number behind.
const Each = "."

// The verbs of `weaver service …` at the hot door. Their flags may have values: f=name=value.
const (
	HotServiceStatus  = "service-status"
	HotServiceList    = "service-list"
	HotServiceStats   = "service-stats"
	HotServiceStarted = "service-started" // waits until the service is up
	HotServiceAlerts  = "service-alerts"
	HotServiceMetrics = "service-metrics"
	HotServiceHealth  = "service-health" // exit code 0 healthy, 1 degraded, 2 unhealthy
	HotServiceStop    = "service-stop"
	HotServiceRestart = "service-restart"
	HotServiceReload  = "service-reload"
	HotServiceDelete  = "service-delete"
)
