//go:build unix

package anchor

import (
	"os"
	"strconv"
	"syscall"
)

// maxListing bounds the text of a listing.
const maxListing = MaxStored * (2*MaxName + 80)

// Write puts the listing into a file without a name, at its beginning, and returns the descriptor, close-on-exec.
func (l *Listing) Write() (int, error) {
	fd, err := memoryFile("weaver-listing")
	if err != nil {
		return -1, &os.PathError{Op: "make", Path: "a file in memory", Err: err}
	}
	b := []byte(l.String())
	for at := int64(0); len(b) > 0; {
		n, err := syscall.Pwrite(fd, b, at)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			syscall.Close(fd)
			return -1, &os.PathError{Op: "write", Path: "a file in memory", Err: err}
		}
		b, at = b[n:], at+int64(n)
	}
	return fd, nil
}

// ReadListing reads what Write wrote, and closes fd.
func ReadListing(fd int) (Listing, error) {
	defer syscall.Close(fd)
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil {
		return NewListing(), &os.PathError{Op: "stat", Path: "listing " + strconv.Itoa(fd), Err: err}
	}
	if st.Size > maxListing {
		return NewListing(), &os.PathError{Op: "read", Path: "listing", Err: syscall.EFBIG}
	}
	b := make([]byte, st.Size)
	for got := 0; got < len(b); {
		n, err := syscall.Pread(fd, b[got:], int64(got))
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return NewListing(), &os.PathError{Op: "read", Path: "listing", Err: err}
		}
		if n == 0 {
			b = b[:got]
			break
		}
		got += n
	}
	return ParseListing(string(b)), nil
}

// InheritStore takes over what the store held when this process was started: the descriptors, close-on-exec, by name. The
// variable that told of them is removed from the environment.
func InheritStore() (map[string]int, error) {
	l, err := inherit(StoreEnv)
	for name, fd := range l.FDs {
		if _, err := fcntl(fd, syscall.F_GETFD); err != nil {
			delete(l.FDs, name)
			continue
		}
		syscall.CloseOnExec(fd)
	}
	return l.FDs, err
}

// inherit reads the listing that a variable names, and removes the variable.
func inherit(variable string) (Listing, error) {
	text := os.Getenv(variable)
	os.Unsetenv(variable)
	if text == "" {
		return NewListing(), nil
	}
	fd, err := strconv.Atoi(text)
	if err != nil {
		return NewListing(), &os.PathError{Op: "read", Path: variable + "=" + oneLine(text), Err: syscall.EBADF}
	}
	l, err := ReadListing(fd)
	l.check()
	return l, err
}

// check forgets descriptors that do not lead any more to what they did when they were listed.
func (l *Listing) check() {
	for name, id := range l.IDs {
		var st syscall.Stat_t
		if fd, had := l.FDs[name]; had && (syscall.Fstat(fd, &st) != nil || id != ID{uint64(st.Dev), uint64(st.Ino)}) {
			delete(l.FDs, name)
		}
	}
}

// namelessFile makes a file in dir and removes its name.
func namelessFile(dir, name string) (int, error) {
	f, err := os.CreateTemp(dir, name)
	if err != nil {
		return -1, err
	}
	defer f.Close()
	if err := os.Remove(f.Name()); err != nil {
		return -1, err
	}
	fd, err := syscall.Dup(int(f.Fd()))
	if err == nil {
		syscall.CloseOnExec(fd)
	}
	return fd, err
}
