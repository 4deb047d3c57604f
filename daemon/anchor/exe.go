//go:build unix

package anchor

import "syscall"

// executables are the weaverd of the last start, and the last one that became ready.
type executables struct {
	current int // -1 before the first start
	proven  int // -1 if none was; may be the same descriptor
}

func noExecutables() executables { return executables{-1, -1} }

// open opens the file at path for the next start.
func (e *executables) open(path string) error {
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if e.proven >= 0 && sameFile(fd, e.proven) {
		syscall.Close(fd)
		fd = e.proven
	}
	e.replace(fd)
	return nil
}

func (e *executables) replace(fd int) {
	if e.current >= 0 && e.current != e.proven && e.current != fd {
		syscall.Close(e.current)
	}
	e.current = fd
}

// prove notes that the current one works.
func (e *executables) prove() {
	if e.proven >= 0 && e.proven != e.current {
		syscall.Close(e.proven)
	}
	e.proven = e.current
}

// back makes the proven one current, if there is one.
func (e *executables) back() bool {
	if e.proven < 0 {
		return false
	}
	e.replace(e.proven)
	return true
}

func sameFile(a, b int) bool {
	var s, t syscall.Stat_t
	return a == b || syscall.Fstat(a, &s) == nil && syscall.Fstat(b, &t) == nil &&
		s.Dev == t.Dev && s.Ino == t.Ino && s.Size == t.Size
}
