//go:build !linux && !darwin

package trampoline

// Run cannot become another program on this system.
func Run([]string) int { return 253 }
