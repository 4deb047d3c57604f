package daemon

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"weaver/supervisor/journal"
)

// journalName is what the anchor keeps the journal under that the disk refuses.
const journalName = "memory/journal"

// journalMemory is a journal's file in memory, which the anchor keeps.
type journalMemory struct {
	store *descriptors
	held  journal.File
	next  *os.File
}

// memoryOf takes the former supervisor's file out of what it left.
func memoryOf(store *descriptors, left map[string]int) journal.Memory {
	m := &journalMemory{store: store}
	if fd, ok := left[journalName]; ok {
		delete(left, journalName)
		m.held = journal.NewFile(os.NewFile(uintptr(fd), journalName))
	}
	return m
}

func (m *journalMemory) Held() journal.File { return m.held }

func (m *journalMemory) Make() (journal.File, error) {
	fd, err := unix.MemfdCreate("weaver-journal", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("memfd: %w", err)
	}
	m.next = os.NewFile(uintptr(fd), journalName)
	return journal.NewFile(m.next), nil
}

func (m *journalMemory) Keep() error { return m.store.Put(journalName, int(m.next.Fd())) }

func (m *journalMemory) Drop() { _ = m.store.Remove(journalName) } // the next supervisor finds it to be older
