package cli

import (
	"crypto/rand"
	"encoding/hex"
)

// newOp makes the id of an operation, so that the daemon can tell a repeat from a second wish.
func newOp() string {
	var b [8]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}
