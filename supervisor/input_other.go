//go:build !linux

package supervisor

import "errors"

func input(int, string) error {
	return errors.New("writing to the standard input of a service is not supported on this system")
}
