//go:build !linux

package procstat

import "errors"

func newNative() (source, error) { return nil, errors.ErrUnsupported }
