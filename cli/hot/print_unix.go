//go:build unix

package hot

import "syscall"

// print writes all of b to a descriptor. It returns false if nobody reads on, or nothing can be written: there is
// nothing to be said about that, and nobody to say it to.
func (t *try) print(fd int, b []byte) bool {
	for len(b) > 0 {
		n, err := syscall.Write(fd, b)
		if n > 0 {
			b = b[n:]
		}
		switch err {
		case nil, syscall.EINTR:
		case syscall.EAGAIN:
			if awaitWritable(fd) != nil {
				return false
			}
		default:
			return false
		}
	}
	return true
}
