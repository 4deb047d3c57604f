package nodeipc

import "fmt"

// Policy says how connections are handed out to the workers of a cluster.
type Policy string

// The policies.
const (
	// Slots gives each worker a socket of its own on the shared port; the kernel spreads connections. It holds for TCP
	// ports that are named; all else is Shared.
	Slots Policy = "slots"
	// Sticky is Slots with connections of one address going to one worker.
	Sticky Policy = "sticky"
	// RoundRobin accepts here and passes each connection on, as Node's own primary does by default.
	RoundRobin Policy = "rr"
	// Shared gives all workers one socket, which they accept from as they can.
	Shared Policy = "shared"
)

// ParsePolicy reads a policy, also in the words of NODE_CLUSTER_SCHED_POLICY. "" is Slots.
func ParsePolicy(word string) (Policy, error) {
	switch word {
	case "", "slots", "reuseport":
		return Slots, nil
	case "rr", "round-robin":
		return RoundRobin, nil
	case "none", "shared":
		return Shared, nil
	case "sticky":
		return Sticky, nil
	}
	return "", fmt.Errorf("%q is no way to hand out connections: use slots, sticky, rr or shared", word)
}
