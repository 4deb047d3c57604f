package api

import (
	"errors"
	"io/fs"
	"syscall"
)

// Kind sorts errors into those that code can act on.
type Kind string

// The kinds.
const (
	NotFound    Kind = "not_found"   // no such process
	Conflict    Kind = "conflict"    // already running, or another operation is under way
	Invalid     Kind = "invalid"     // the request makes no sense
	Forbidden   Kind = "forbidden"   // not this user
	Unavailable Kind = "unavailable" // shutting down, or out of descriptors
	Failed      Kind = "failed"      // it was tried and did not work
	Internal    Kind = "internal"
	NotHot      Kind = "not_hot" // only the full front end can word it
)

// Error is what a daemon answers instead of a result. Code looks at Kind, people at Message and Hint.
type Error struct {
	Kind    Kind   `json:"kind"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

func (e *Error) Error() string { return e.Message }

// Status is the HTTP status that goes with the kind.
func (e *Error) Status() int {
	switch e.Kind {
	case NotFound:
		return 404
	case Conflict:
		return 409
	case Invalid:
		return 400
	case Forbidden:
		return 403
	case Unavailable:
		return 503
	case NotHot:
		return 501
	}
	return 500
}

// IsDown reports that err means that no daemon listens on the socket: it is not there, or nobody accepts.
func IsDown(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOENT)
}
