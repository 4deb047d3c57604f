//go:build !unix

package anchor

import "os"

// Run says that it cannot: what an anchor is for, keeping descriptors and reaping processes, this system does not have.
func Run(Options) int {
	os.Stderr.WriteString("weaver: cannot run the anchor: this system has no Unix processes\nhint: run \"weaverd supervise\" as a service of the system\n")
	return 1
}
