//go:build !linux

package lock

// Here nothing keeps a holder who lets go and comes back at once from passing
// those who wait: separate commands never come back that fast.

func tryInTurn(fd int) (bool, error) { return tryFile(fd) }

func lockInTurn(fd int) error { return lockFile(fd) }
