//go:build !linux

package cli

import "errors"

// stoppedBySignal cannot be told here.
func stoppedBySignal(int) bool { return false }

func goOn(int) error { return errors.ErrUnsupported }
