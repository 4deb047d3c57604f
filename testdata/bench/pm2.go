//go:build linux

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// pm2Version is the rival's, pinned: a comparison with whatever is newest cannot be repeated.
const pm2Version = "7.0.4"

// findPM2 returns the path of a PM2: as told, else installed below dir by npm, else "".
func findPM2(told, dir string) string {
	if told != "" {
		path, err := exec.LookPath(told)
		if err != nil {
			progress("PM2: %v", err)
			return ""
		}
		path, _ = filepath.Abs(path) // it has just been found
		return path
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return ""
	}
	progress("installing PM2 %s with npm", pm2Version)
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, npm, "install", "--prefix", dir, "--no-audit", "--no-fund", "pm2@"+pm2Version)
	cmd.Env = append(os.Environ(), "npm_config_update_notifier=false")
	if out, err := cmd.CombinedOutput(); err != nil {
		progress("install PM2: %v\n%s", err, out)
		return ""
	}
	return filepath.Join(dir, "node_modules", ".bin", "pm2")
}
