package wire

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"weaver/app"
	"weaver/pm2"
	"weaver/pm2/axon"
)

// Server answers PM2's clients. Its Publisher serves pub.sock; New connects the two.
type Server struct {
	Backend Backend
	// Env says what records need to know besides the process.
	Env pm2.EnvOptions
	// Version is the PM2 that clients are told to have found: they compare it with their own.
	Version string

	pub       axon.Publisher
	feed      feed
	lives     lives // the feed's
	owed      owed
	mu        sync.Mutex
	monitored map[app.ID]bool
}

// New returns a Server over b.
func New(b Backend, env pm2.EnvOptions) *Server {
	s := &Server{Backend: b, Env: env, Version: pm2.Compatible}
	s.Env.Monitored = s.marked
	s.pub.Active = s.listened
	return s
}

// method is one row of the table: what a client calls, and what answers.
type method struct {
	axon.Method
	serve func(s *Server, ctx context.Context, c axon.Call) (any, error)
}

// nothing is the result of methods whose callback gets no argument.
type nothing struct{}

// table is every method of PM2's daemon, in its order.
var table = []method{
	{axon.Method{Name: "killMe"}, (*Server).killMe},
	{axon.Method{Name: "profileCPU"}, (*Server).profile},
	{axon.Method{Name: "profileMEM"}, (*Server).profile},
	{axon.Method{Name: "prepare", Params: []string{"env", "cb"}}, (*Server).prepare},
	{axon.Method{Name: "getMonitorData", Params: []string{"env", "cb"}}, (*Server).getMonitorData},
	{axon.Method{Name: "getSystemData", Params: []string{"env", "cb"}}, (*Server).getSystemData},
	{axon.Method{Name: "startProcessId", Params: []string{"id", "cb"}}, (*Server).startProcess},
	{axon.Method{Name: "stopProcessId", Params: []string{"id", "cb"}}, (*Server).stopProcess},
	{axon.Method{Name: "restartProcessId", Params: []string{"opts", "cb"}}, (*Server).restartProcess},
	{axon.Method{Name: "deleteProcessId", Params: []string{"id", "cb"}}, (*Server).deleteProcess},
	{axon.Method{Name: "sendLineToStdin", Params: []string{"packet", "cb"}}, (*Server).sendLine},
	{axon.Method{Name: "softReloadProcessId", Params: []string{"opts", "cb"}}, (*Server).softReload},
	{axon.Method{Name: "reloadProcessId", Params: []string{"opts", "cb"}}, (*Server).reloadProcess},
	{axon.Method{Name: "duplicateProcessId", Params: []string{"id", "cb"}}, (*Server).duplicate},
	{axon.Method{Name: "resetMetaProcessId", Params: []string{"id", "cb"}}, (*Server).resetMeta},
	{axon.Method{Name: "stopWatch", Params: []string{"method", "value", "fn"}}, (*Server).stopWatch},
	{axon.Method{Name: "startWatch", Params: []string{"method", "value", "fn"}}, (*Server).startWatch},
	{axon.Method{Name: "toggleWatch", Params: []string{"method", "value", "fn"}}, (*Server).toggleWatch},
	{axon.Method{Name: "notifyByProcessId", Params: []string{"opts", "cb"}}, (*Server).notify},
	{axon.Method{Name: "notifyKillPM2"}, (*Server).notifyKill},
	{axon.Method{Name: "monitor", Params: []string{"pm_id", "cb"}}, (*Server).monitor},
	{axon.Method{Name: "unmonitor", Params: []string{"pm_id", "cb"}}, (*Server).unmonitor},
	{axon.Method{Name: "msgProcess", Params: []string{"cmd", "cb"}}, (*Server).msgProcess},
	{axon.Method{Name: "sendDataToProcessId", Params: []string{"packet", "cb"}}, (*Server).sendData},
	{axon.Method{Name: "sendSignalToProcessId", Params: []string{"opts", "cb"}}, (*Server).signalID},
	{axon.Method{Name: "sendSignalToProcessName", Params: []string{"opts", "cb"}}, (*Server).signalName},
	{axon.Method{Name: "ping", Params: []string{"env", "cb"}}, (*Server).ping},
	{axon.Method{Name: "getVersion", Params: []string{"env", "cb"}}, (*Server).getVersion},
	{axon.Method{Name: "getReport", Params: []string{"arg", "cb"}}, (*Server).getReport},
	{axon.Method{Name: "reloadLogs", Params: []string{"opts", "cb"}}, (*Server).reloadLogs},
}

var names = func() []axon.Method {
	out := make([]axon.Method, len(table))
	for i := range table {
		out[i] = table[i].Method
	}
	return out
}()

// Methods lists what can be called.
func (s *Server) Methods() []axon.Method { return names }

// reads are the methods which nothing comes of on the bus.
var reads = map[string]bool{"getMonitorData": true, "getSystemData": true, "ping": true, "getVersion": true, "getReport": true}

// inTurn are the methods after which the next call of a connection waits: messages arrive in the order in which they were sent, and
// who prepares says itself when ids are known.
var inTurn = map[string]bool{"prepare": true, "sendDataToProcessId": true, "msgProcess": true, "sendLineToStdin": true}

// Quick says which methods are done at once.
func (s *Server) Quick(method string) bool {
	return inTurn[method] && method != "prepare" || method == "ping" || method == "getVersion"
}

// Call answers one call.
func (s *Server) Call(ctx context.Context, c axon.Call) ([]json.RawMessage, error) {
	for i := range table {
		if table[i].Name != c.Method {
			continue
		}
		if !reads[c.Method] {
			c.Arrival.Once(s.pub.Settle) // who calls may wait for what comes of it on the bus
		}
		if !inTurn[c.Method] && c.Begun != nil {
			c.Begun()
		}
		result, err := table[i].serve(s, context.WithValue(ctx, callerKey{}, c.Conn), c)
		if err != nil {
			return nil, err
		}
		if _, none := result.(nothing); none {
			return nil, nil
		}
		raw, ok := result.(json.RawMessage)
		if !ok {
			if raw, err = json.Marshal(result); err != nil {
				return nil, fmt.Errorf("encode the answer of %s: %w", c.Method, err)
			}
		}
		return []json.RawMessage{raw}, nil
	}
	return nil, fmt.Errorf("method %q does not exist", c.Method)
}
