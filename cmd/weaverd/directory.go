package main

import (
	"os"
	"path/filepath"
)

// directory is where we are, by its real path, as PM2 has it: `cd current && pm2 start app.js` starts the release that the
// link names now, and stays with it. os.Getwd would follow $PWD, and links with it.
func directory() (string, error) {
	cwd, err := os.Getwd()
	if err != nil {
		return "", err
	}
	if real, err := filepath.EvalSymlinks(cwd); err == nil {
		return real, nil
	}
	return cwd, nil
}
