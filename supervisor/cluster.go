package supervisor

import (
	"os"
	"strings"

	"weaver/app"
	"weaver/supervisor/lifecycle"
	"weaver/supervisor/nodeipc"
)

// groupOf names the app whose instances share what they listen on.
func groupOf(s *app.Spec) string { return s.NamespaceOrDefault() + "/" + s.Name }

// policyVar is how Node itself is told how to hand out connections.
const policyVar = "NODE_CLUSTER_SCHED_POLICY"

// handOut says how an app's connections are handed out: as its spec says, or as its environment tells Node.
func handOut(s *app.Spec, env app.Env) (nodeipc.Policy, error) {
	word := s.ClusterPolicy
	if word == "" {
		word, _ = env.Get(policyVar)
		if p, err := nodeipc.ParsePolicy(word); err == nil { // Node ignores what it does not know
			return p, nil
		}
		word = ""
	}
	return nodeipc.ParsePolicy(word)
}

// clusters reports whether the instances of an app are workers of a cluster here.
func clusters(s *app.Spec) bool { return s.Mode == app.Cluster && nodeipc.Supported }

// overlaps reports whether a new process of an app may run beside the old one: it can share, or was said to.
func overlaps(s *app.Spec) bool { return clusters(s) || len(s.Listen) > 0 || s.Overlap }

// expect tells those who keep sockets whether the process will use its own, now or soon.
func (k *keeper) expect() {
	s := &k.state
	yes := s.Want == lifecycle.Up && !s.GaveUp && (s.Cur.Gen != 0 || s.Old.Gen != 0 || !s.RestartAt.IsZero())
	group := ""
	if yes && (!k.proc.Spare || k.released) {
		group = groupOf(k.proc.Spec)
	}
	if group == k.expected {
		return
	}
	if k.expected != "" {
		k.sup.primary.Expect(k.expected, int(k.id), false)
	}
	if group != "" {
		k.sup.primary.Expect(group, int(k.id), true)
	} else {
		k.sup.held.drop(k.id)
	}
	k.expected = group
}

// clusterTrouble tells the world of what goes wrong with what workers listen on.
func (s *Supervisor) clusterTrouble(group, text string) {
	_, name, _ := strings.Cut(group, "/")
	s.bus.publish(app.Event{Kind: app.EventFailed, ID: -1, Name: name, Message: "cluster: " + text})
}

// Listens reports whether a worker of a cluster listens to something, be it through the primary.
func (s *Supervisor) Listens(id app.ID) bool {
	k := s.reg.get(id)
	if k == nil {
		return false
	}
	gen := k.life.Load().Cur.Gen
	return gen != 0 && k.listens.Load() == gen
}

// removeSocket removes the file of a Unix socket that nobody listens on any more.
func removeSocket(path string) { os.Remove(path) } // somebody may have been faster
