package config

import (
	"encoding/json"
	"path/filepath"

	"weaver/config/source"
)

// VersionOf is the version of the package that a script belongs to, or "N/A".
func VersionOf(script string) string { return packageVersion(filepath.Dir(script)) }

// packageVersion returns the version in the nearest package.json at or above dir, or "N/A".
func packageVersion(dir string) string {
	for {
		if data, err := source.Read(filepath.Join(dir, "package.json")); err == nil {
			var pkg struct {
				Version string `json:"version"`
			}
			if json.Unmarshal(data, &pkg) == nil && pkg.Version != "" {
				return clip(pkg.Version)
			}
			return "N/A"
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "N/A"
		}
		dir = up
	}
}
