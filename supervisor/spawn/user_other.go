//go:build !unix

package spawn

import "errors"

// LookupUser cannot run services as somebody else on this system.
func LookupUser(string) (User, string, error) {
	return User{}, "", errors.New("running as another user is not supported on this system")
}
