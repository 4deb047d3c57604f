//go:build !unix

package daemon

const noFollow = 0

// syncDir has nothing to do: this system has no way to sync a directory.
func syncDir(string) error { return nil }

// dropLinkOfOthers does nothing: the system's access rights decide.
func dropLinkOfOthers(string) {}
