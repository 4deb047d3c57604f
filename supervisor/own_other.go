//go:build !linux

package supervisor

import (
	"encoding/json"
	"errors"

	"weaver/app"
)

// queue is a listening socket that a process opened itself. Elsewhere than on Linux nobody can say who gets connections.
type queue struct{ fd int }

func relieveOwn(int, int) []queue { return nil }

func (queue) close() {}

func socketOf(int, uint64) (int, error) { return -1, errors.ErrUnsupported }

func socketsOf(int) map[uint64]int { return nil }

func descriptorOf(int, int) (int, error) { return -1, errors.ErrUnsupported }

func socketInode(int) uint64 { return 0 }

func toldTo(int, *app.Spec) map[string]json.RawMessage { return nil }
