//go:build unix

package anchor

import (
	"slices"
	"syscall"
)

// store is what the anchor holds for supervisors, by name.
type store struct {
	fds map[string]int
}

// keep takes over descriptors, one for each name. It returns the names that it could not keep; their descriptors are
// closed.
func (s *store) keep(names []string, fds []int) (refused []string) {
	if s.fds == nil {
		s.fds = map[string]int{}
	}
	for i, name := range names {
		if i >= len(fds) { // the kernel had no room for them in our table
			refused = append(refused, name)
			continue
		}
		old, had := s.fds[name]
		if !ValidName(name) || !had && len(s.fds) >= MaxStored || isOwn(name) {
			refused = append(refused, name)
			syscall.Close(fds[i])
			continue
		}
		s.fds[name] = fds[i]
		if had {
			syscall.Close(old)
		}
	}
	if len(fds) > len(names) {
		closeAll(fds[len(names):])
	}
	return refused
}

// drop closes the copies under names.
func (s *store) drop(names []string) {
	for _, name := range names {
		if fd, had := s.fds[name]; had {
			syscall.Close(fd)
			delete(s.fds, name)
		}
	}
}

// prune forgets names whose descriptors are not open: of a supervisor that has become the anchor while it was closing some. One of
// them would keep every supervisor from being started.
func (s *store) prune() (gone []string) {
	for name, fd := range s.fds {
		if _, _, e := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_GETFD, 0); e == syscall.EBADF {
			delete(s.fds, name)
			gone = append(gone, name)
		}
	}
	return gone
}

// names returns all of them, sorted.
func (s *store) names() []string {
	names := make([]string, 0, len(s.fds)) // package maps would be one more in every call of weaver
	for name := range s.fds {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func closeAll(fds []int) {
	for _, fd := range fds {
		syscall.Close(fd)
	}
}
