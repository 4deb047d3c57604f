package procstat

import (
	"errors"
	"fmt"
)

// source reads processes, and knows which descend from which. It is used by one
// goroutine at a time.
type source interface {
	// look learns of the processes made since the last look. If only one tree
	// is to be read, its main process is given, else 0: of a tree that was never
	// read before, reading it finds everything, and nothing need be learnt.
	look(only int) error
	// tree appends a reading of each process of the tree: the main process
	// first, then its descendants, then the extra ones and theirs. It reports
	// false if the main process is gone, or is another one than start says.
	tree(dst []reading, pid int, start uint64, extra []int) ([]reading, bool)
	// sweep forgets the processes that no tree has had since the last sweep.
	sweep()
	// size says how many processes it keeps in mind, and descriptors open.
	size() (procs, descriptors int)
	close()
}

// Names of sources, for Options.Source.
const (
	Linux    = "linux"    // kept-open /proc descriptors
	Gopsutil = "gopsutil" // portable
)

func newSource(name string) (source, string, error) {
	switch name {
	case "":
		if src, err := newNative(); err == nil {
			return src, Linux, nil
		}
		return newPortable(), Gopsutil, nil
	case Linux:
		src, err := newNative()
		if err != nil {
			return nil, "", fmt.Errorf("open process source %s: %w", name, err)
		}
		return src, Linux, nil
	case Gopsutil:
		return newPortable(), Gopsutil, nil
	}
	return nil, "", fmt.Errorf("unknown process source %q (%s, %s)", name, Linux, Gopsutil)
}

var errNoTree = errors.New("no such process tree")
