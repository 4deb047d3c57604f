package config

import (
	"encoding/json"
	"path/filepath"

	"weaver/config/source"
)

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
