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

// handler builds the door: one table of method, path and what answers.
func (d *daemon) handler() http.Handler {
	mux := http.NewServeMux()
	for _, r := range []struct {
		pattern string
		serve   func(http.ResponseWriter, *http.Request) error
	}{
		{"GET " + api.PathPing, d.ping},
		{"GET " + api.PathMetrics, d.exposition},
		{"GET " + api.PathProcesses, d.processes},
		{"GET " + api.PathDescribe, d.describe},
		{"GET " + api.PathHost, d.host},
		{"GET " + api.PathEvents, d.events},
		{"GET " + api.PathFollow, d.follow},
		{"GET " + api.PathRecent, d.recent},
		{"POST " + api.PathStart, d.start},
		{"POST " + api.PathAct, d.act},
		{"POST " + api.PathTake, d.take},
		{"POST " + api.PathScale, d.scale},
		{"POST " + api.PathKill, d.kill},
		{"POST " + api.PathUpdate, d.update},
		{"POST " + api.PathSave, d.save},
		{"POST " + api.PathResurrect, d.resurrect},
		{"POST " + api.PathClearDump, d.clearDump},
		{"POST " + api.PathFlush, d.flush},
		{"POST " + api.PathRotate, d.rotate},
		{"POST " + api.PathReloadLogs, d.reloadLogs},
		{"POST " + api.PathTrigger, d.trigger},
		{"POST " + api.PathSend, d.sendText},
		{"POST " + api.PathProfile, d.profile},
		{"GET " + api.PathCache, d.cacheStats},
		{"POST " + api.PathCacheClear, d.cacheClear},
		{"GET " + api.PathSettings, d.settingsGet},
		{"POST " + api.PathSettings, d.settingsSet},
		{"GET " + api.PathHot + "{verb}", d.hotRead},
		{"POST " + api.PathHot + "{verb}", d.hotAct},
	} {
		mux.HandleFunc(r.pattern, func(w http.ResponseWriter, req *http.Request) {
			if !supervisor.IsOperation(req.URL.Query().Get(api.QueryOp)) {
				refuse(w, &api.Error{Kind: api.Invalid, Message: "this is no id of an operation"})
				return
			}
			if err := r.serve(w, req); err != nil {
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
