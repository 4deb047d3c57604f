//go:build !linux

package daemon

import "errors"

// becomeSubreaper cannot be done here: there is no taking the place of an anchor.
func becomeSubreaper() error { return errors.New("this system has no subreapers") }
