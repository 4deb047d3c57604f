//go:build !linux

package journal

import (
	"errors"
	"os"
	"syscall"
)

func syncData(f *os.File) error { return f.Sync() }

func isUnknown(err error) bool { return errors.Is(err, syscall.EINVAL) }

func isReadOnly(err error) bool { return errors.Is(err, syscall.EROFS) }

func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) }
