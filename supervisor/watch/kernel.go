package watch

import (
	"errors"
	"syscall"

	"github.com/fsnotify/fsnotify"
)

// kernel is what tells of changes in single directories.
type kernel struct {
	add, remove func(path string) error
	close       func() error
	events      <-chan fsnotify.Event
	errors      <-chan error
}

func openKernel() (*kernel, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	return &kernel{add: w.Add, remove: w.Remove, close: w.Close, events: w.Events, errors: w.Errors}, nil
}

// exhausted reports that the kernel will not watch more than it does: inotify says ENOSPC, kqueue needs a descriptor
// for each file.
func exhausted(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}
