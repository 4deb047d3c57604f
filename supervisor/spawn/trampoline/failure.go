package trampoline

import "syscall"

// Stage is what the trampoline was doing when it failed.
type Stage byte

// The stages, in order; StageJoin is the first of them.
const (
	StageRlimit Stage = iota + 1 // Failure.Detail is the resource
	StageOOM
	StageUser
	StageDir
	StageExec
	StageJoin // Failure.Detail is the index
)

// Failure is what went wrong, written to Settings.ErrFD in one piece.
type Failure struct {
	Stage  Stage
	Detail byte
	Errno  syscall.Errno
}

// failureSize is two bytes and an errno, low byte first.
const failureSize = 6

func (f Failure) bytes() []byte {
	e := uint32(f.Errno)
	return []byte{byte(f.Stage), f.Detail, byte(e), byte(e >> 8), byte(e >> 16), byte(e >> 24)}
}

// ParseFailure reads what a trampoline wrote before it gave up; false if that is no failure.
func ParseFailure(b []byte) (Failure, bool) {
	if len(b) != failureSize || Stage(b[0]) < StageRlimit || Stage(b[0]) > StageJoin {
		return Failure{}, false
	}
	errno := uint32(b[2]) | uint32(b[3])<<8 | uint32(b[4])<<16 | uint32(b[5])<<24
	return Failure{Stage(b[0]), b[1], syscall.Errno(errno)}, true
}
