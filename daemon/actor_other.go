//go:build !linux

package daemon

// commandOf is not known here.
func commandOf(int) string { return "" }
