//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly || windows)

package lock

import (
	"errors"
	"os"
)

func openFile(path string) (int, error) {
	return -1, &os.PathError{Op: "open lock", Path: path, Err: errors.ErrUnsupported}
}

func closeFile(int) error                     { return errors.ErrUnsupported }
func tryFile(int) (bool, error)               { return false, errors.ErrUnsupported }
func lockFile(int) error                      { return errors.ErrUnsupported }
func lookUp(int, string) (int64, bool, error) { return 0, false, errors.ErrUnsupported }
func writeHolder(int, int64, Holder) error    { return errors.ErrUnsupported }
func readHolder(string) Holder                { return Holder{} }
func probe(string) (bool, Holder, error)      { return false, Holder{}, errors.ErrUnsupported }
func removeStale(string) (bool, error)        { return false, errors.ErrUnsupported }
