//go:build !linux

package daemon

// releaseProgram leaves it to the system.
func releaseProgram() {}
