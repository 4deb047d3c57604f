//go:build !linux

package config

// quotaCPUs returns 0, no quota: control groups are Linux's.
func quotaCPUs(string) float64 { return 0 }
