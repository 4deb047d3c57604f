package daemon

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"weaver/api"
	"weaver/app"
)

// role is how much a peer may, and how much a request needs. Each includes those before it.
type role int8

// The roles. A request of which nobody has said what it needs is for administrators.
const (
	stranger      role = iota // may nothing
	reader                    // sees services, their output and what happens to them, and no secrets
	operator                  // starts, stops and changes the number of what an administrator has set up
	administrator             // anything: whoever can have a program of their own started is the daemon's user
)

func (r role) String() string {
	switch r {
	case reader:
		return "read"
	case operator:
		return "operate"
	case administrator:
		return "admin"
	}
	return "nothing"
}

// hotRoles is what each verb of the hot door needs. One that is missing here does not exist.
var hotRoles = map[string]role{
	"list": reader, "jlist": reader, "prettylist": reader, "pid": reader, "id": reader, "ping": reader, "resolve": reader,
	"start": operator, "restart": operator, "stop": operator, "reload": operator, "delete": administrator,
	api.HotServiceStatus: reader, api.HotServiceList: reader, api.HotServiceStats: reader, api.HotServiceStarted: reader,
	api.HotServiceAlerts: reader, api.HotServiceMetrics: reader, api.HotServiceHealth: reader,
	api.HotServiceStop: operator, api.HotServiceRestart: operator, api.HotServiceReload: operator, api.HotServiceDelete: administrator,
}

// needOfAct is what a verb on services needs. New specs are new programs.
func needOfAct(req *api.ActRequest) role {
	if len(req.Specs) > 0 {
		return administrator
	}
	switch req.Verb {
	case app.VerbStart, app.VerbStop, app.VerbRestart, app.VerbReload, app.VerbReset, app.VerbSignal:
		return operator
	}
	return administrator
}

// needOfService is what a verb of the service commands needs. A state file is one that the daemon writes where it is told to.
func needOfService(verb string, q hotQuery) role {
	if q.value("state-file") != "" {
		return administrator
	}
	return hotRoles[verb]
}

// roleOf is what the peer of a request may. Who has no connection may nothing.
func roleOf(r *http.Request) role {
	if c, _ := r.Context().Value(connKey{}).(*conn); c != nil {
		return c.role
	}
	return stranger
}

// need refuses a request whose peer may less. What would have changed something is noted in the audit log.
func (d *daemon) need(r *http.Request, least role, act string, targets ...string) error {
	if roleOf(r) >= orAdministrator(least) {
		return nil
	}
	c, _ := r.Context().Value(connKey{}).(*conn)
	return d.refusal(c, least, r.Method == http.MethodPost, act, targets...)
}

func orAdministrator(least role) role {
	if least == stranger {
		return administrator
	}
	return least
}

// refusal says who may not do what, and who could change that.
func (d *daemon) refusal(c *conn, least role, changes bool, act string, targets ...string) error {
	least = orAdministrator(least)
	e := &api.Error{Kind: api.Forbidden, Message: "requests of nobody are refused"}
	if c == nil {
		return e
	}
	who := fmt.Sprintf("user %d", c.peer.UID)
	if name := userNames.name(c.peer.UID); name != fmt.Sprint(c.peer.UID) {
		who += " (" + name + ")"
	}
	has := "has no role here"
	if c.role != stranger {
		has = "has the role " + c.role.String() + " here"
	}
	e.Message = fmt.Sprintf("%s %s, and %s needs %s", who, has, act, least)
	e.Hint = fmt.Sprintf("whoever runs the supervisor can let a group in: weaver set socket:%s GROUP", least)
	if more, ok := d.gate.noteRefusal(time.Now()); changes && ok {
		entry := auditEntry{At: time.Now(), actor: newActor(c.peer), Act: act, Targets: targets, Failures: 1, Error: "refused: " + e.Message}
		if more > 0 {
			entry.Error += fmt.Sprintf(" (and %d refusals before it that are not in here)", more)
		}
		d.record(&entry)
	}
	return e
}

// nameOf is what the audit log calls a request: start, act, hot/delete.
func nameOf(r *http.Request) string {
	return strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/v1"), "/")
}

// shown are processes as a peer may see them: their specs without secrets, unless it could read those anyway.
func shown(list []app.Process, to role) []app.Process {
	if to >= administrator {
		return list
	}
	for i := range list {
		if list[i].Spec != nil {
			list[i].Spec = list[i].Spec.Redacted()
		}
	}
	return list
}
