// Package preload puts weaver's eyes into Node services: a small script that Node runs before theirs.
package preload

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"weaver/app"
)

//go:embed weaver.cjs
var script []byte

// Variable tells the script what to do; without it it does nothing. It is gone before the service's own code runs.
const Variable = "WEAVER_PRELOAD"

// Mode is the value of Variable for a spec. By default rejections that nobody handles are treated as PM2 does: they are
// printed, and the program goes on.
func Mode(s *app.Spec) string {
	mode := "1"
	if s.UnhandledRejections == "node" {
		mode += ",node-rejections"
	}
	if SourceMaps(s) {
		mode += ",source-maps"
	}
	if s.ShutdownWithMessage {
		mode += ",shutdown-message"
	}
	if s.Mode == app.Cluster {
		mode += ",worker"
	}
	return mode
}

// SourceMaps reports that stacks are to be translated. As in PM2 that is what happens unless it is switched off, and unless
// the program is left alone; then it has to be asked for.
func SourceMaps(s *app.Spec) bool {
	wanted := app.IsTrue(s.SourceMaps) && (app.IsTrue(s.PMX) || s.SourceMaps != nil)
	return IsNode(s.Interpreter) && wanted && !s.DisableSourceMaps
}

// File is where the script is on disk.
type File struct {
	path string
	// public says that every user can read it.
	public bool
	mu     sync.Mutex
}

// Place chooses where: beside the daemon's other files, or, for a daemon that runs services as other users, where those can
// read it. identity tells homes apart.
func Place(home, identity string) *File {
	if os.Geteuid() == 0 {
		const run = "/run/weaver"
		if err := os.MkdirAll(run, 0o755); err == nil {
			return &File{path: filepath.Join(run, identity+".cjs"), public: true}
		}
	}
	return &File{path: filepath.Join(home, "preload.cjs")}
}

// Ready returns the script's path once it is there and whole.
func (f *File) Ready() (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if there, err := os.ReadFile(f.path); err == nil && bytes.Equal(there, script) {
		return f.path, nil
	}
	mode := os.FileMode(0o600)
	if f.public {
		mode = 0o644
	}
	tmp := f.path + ".new"
	os.Remove(tmp) // what an earlier attempt left
	out, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return "", fmt.Errorf("write the preload: %w", err)
	}
	_, err = out.Write(script)
	err = errors.Join(err, out.Chmod(mode), out.Close()) // whatever the umask
	if err == nil {
		err = os.Rename(tmp, f.path)
	}
	if err != nil {
		os.Remove(tmp)
		return "", fmt.Errorf("write the preload: %w", err)
	}
	return f.path, nil
}

// Remove takes the script away. Services that run have read it.
func (f *File) Remove() {
	f.mu.Lock()
	defer f.mu.Unlock()
	os.Remove(f.path) // it may never have been written
}

// Wanted reports that a service is to be looked into.
func Wanted(s *app.Spec) bool {
	return IsNode(s.Interpreter) && app.IsTrue(s.PMX) && !confined(s.InterpreterArgs)
}

// ReadableBy reports that a service that runs as a spec's user can read the script.
func (f *File) ReadableBy(s *app.Spec) bool { return f.public || s.User == "" && s.Group == "" }

// IsNode reports that an interpreter is Node itself. What starts Node in its turn is not: its children are not ours to
// look into.
func IsNode(interpreter string) bool {
	base := filepath.Base(interpreter)
	return base == "node" || base == "nodejs" || strings.HasPrefix(base, "node@")
}

// confined reports arguments under which Node must not read files of ours.
func confined(args []string) bool {
	for _, a := range args {
		if strings.HasPrefix(a, "--permission") || strings.HasPrefix(a, "--experimental-permission") {
			return true
		}
	}
	return false
}
