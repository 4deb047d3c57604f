//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package hot

// columns knows no terminals here; nothing is hot on such a system.
func columns(int) (cols int, tty bool) { return 0, false }
