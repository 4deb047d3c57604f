package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"weaver/api"
	"weaver/app"
	"weaver/supervisor"
)

// route is a method and path, who may ask at the least, and what answers. What is asked can need more.
type route struct {
	pattern string
	least   role
	serve   func(http.ResponseWriter, *http.Request) error
}

// routes is the table of all of them.
func (d *daemon) routes() []route {
	return []route{
		{"GET " + api.PathPing, reader, d.ping},
		{"GET " + api.PathMetrics, reader, d.exposition},
		{"GET " + api.PathProcesses, reader, d.processes},
		{"GET " + api.PathDescribe, reader, d.describe},
		{"GET " + api.PathHost, reader, d.host},
		{"GET " + api.PathEvents, reader, d.events},
		{"GET " + api.PathFollow, reader, d.follow},
		{"GET " + api.PathRecent, reader, d.recent},
		{"POST " + api.PathStart, administrator, d.start},
		{"POST " + api.PathAct, reader, d.act}, // which needs more, by its verb: needOfAct
		{"POST " + api.PathTake, administrator, d.take},
		{"POST " + api.PathScale, operator, d.scale},
		{"POST " + api.PathKill, administrator, d.kill},
		{"POST " + api.PathUpdate, administrator, d.update},
		{"POST " + api.PathSave, administrator, d.save},
		{"POST " + api.PathResurrect, administrator, d.resurrect},
		{"POST " + api.PathClearDump, administrator, d.clearDump},
		{"POST " + api.PathFlush, operator, d.flush},
		{"POST " + api.PathRotate, operator, d.rotate},
		{"POST " + api.PathReloadLogs, operator, d.reloadLogs},
		{"POST " + api.PathTrigger, operator, d.trigger},
		{"POST " + api.PathSend, operator, d.sendText},
		{"POST " + api.PathProfile, administrator, d.profile},
		{"GET " + api.PathCache, reader, d.cacheStats},
		{"POST " + api.PathCacheClear, operator, d.cacheClear},
		{"GET " + api.PathSettings, administrator, d.settingsGet},
		{"POST " + api.PathSettings, administrator, d.settingsSet},
		{"GET " + api.PathHot + "{verb}", reader, d.hotRead},
		{"POST " + api.PathHot + "{verb}", operator, d.hotAct},
		{"POST " + api.PathFront, administrator, d.front},
	}
}

// handler builds the door.
func (d *daemon) handler() http.Handler {
	mux := http.NewServeMux()
	for _, r := range d.routes() {
		mux.HandleFunc(r.pattern, func(w http.ResponseWriter, req *http.Request) {
			if !supervisor.IsOperation(req.URL.Query().Get(api.QueryOp)) {
				refuse(w, &api.Error{Kind: api.Invalid, Message: "this is no id of an operation"})
				return
			}
			err := d.need(req, r.least, nameOf(req))
			if err == nil {
				err = r.serve(w, req)
			}
			if err != nil {
				refuse(w, err)
			}
		})
	}
	return guard(mux)
}

// refuse answers with an error. What has a Kind keeps it.
func refuse(w http.ResponseWriter, err error) {
	var e *api.Error
	var tooBig *http.MaxBytesError
	switch {
	case errors.As(err, &e):
	case errors.As(err, &tooBig):
		e = &api.Error{Kind: api.Invalid, Message: fmt.Sprintf("the request is larger than %d bytes", tooBig.Limit)}
	case errors.Is(err, supervisor.ErrClosed):
		e = &api.Error{Kind: api.Unavailable, Message: err.Error()}
	default:
		e = &api.Error{Kind: api.Failed, Message: err.Error()}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.Status())
	json.NewEncoder(w).Encode(e) // the peer may be gone
}

// answer sends v as JSON.
func answer(w http.ResponseWriter, v any) error {
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(v)
}

// read decodes the body into v.
func read(r *http.Request, v any) error {
	dec := json.NewDecoder(r.Body)
	if err := dec.Decode(v); err != nil {
		var tooBig *http.MaxBytesError
		if errors.As(err, &tooBig) {
			return err
		}
		return &api.Error{Kind: api.Invalid, Message: "read the request: " + err.Error()}
	}
	return nil
}

// lines streams values as NDJSON, each at once. What it writes to a peer that is gone is lost, and the work goes on.
func lines[T any](w http.ResponseWriter) func(T) error {
	w.Header().Set("Content-Type", "application/x-ndjson")
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	flush := http.NewResponseController(w)
	return func(v T) error {
		if err := enc.Encode(v); err != nil {
			return err
		}
		return flush.Flush()
	}
}

// selectors reads the targets of a query.
func selectors(r *http.Request) []app.Selector {
	var out []app.Selector
	for _, t := range r.URL.Query()["t"] {
		out = append(out, app.Selector(t))
	}
	return out
}
