//go:build unix

package anchor

import "syscall"

// executables are the weaverd of the last start, and the last one that became ready.
type executables struct {
	current int    // -1 before the first start
	proven  int    // -1 if none was; may be the same descriptor
	bad     fileID // of one that was to replace the proven one, and did not become ready
}

type fileID struct {
	dev, ino uint64
	size     int64
}

func noExecutables() executables { return executables{current: -1, proven: -1} }

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

// condemn notes that the current one does not work.
func (e *executables) condemn() {
	if e.current != e.proven {
		e.bad = identify(e.current)
	}
}

// isBad reports that the current one is known not to work.
func (e *executables) isBad() bool { return e.bad != fileID{} && identify(e.current) == e.bad }

func identify(fd int) fileID {
	var st syscall.Stat_t
	if syscall.Fstat(fd, &st) != nil {
		return fileID{}
	}
	return fileID{uint64(st.Dev), uint64(st.Ino), st.Size}
}

func sameFile(a, b int) bool {
	id := identify(a)
	return a == b || id != fileID{} && id == identify(b)
}
