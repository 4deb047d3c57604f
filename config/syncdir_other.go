//go:build !unix

package config

// syncDir does nothing: directories cannot be synced here.
func syncDir(string) error { return nil }
