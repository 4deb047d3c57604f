package config

import "runtime"

// CPUs returns how many processors this process may use: what it is bound to, or fewer if its control group has a
// quota of fewer whole ones; never less than one.
func CPUs() int {
	n := runtime.NumCPU() // the affinity mask, where the system has one
	if quota := quotaCPUs("/"); quota > 0 {
		n = min(n, max(1, int(quota)))
	}
	return n
}
