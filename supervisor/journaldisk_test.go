package supervisor

import (
	"sync/atomic"

	"weaver/supervisor/journal"
)

// journalDisk is a directory that can refuse, and counts how often it is waited for.
type journalDisk struct {
	journal.Dir
	refuse atomic.Pointer[error]
	syncs  atomic.Int32
	writes atomic.Int32
	// before is called before each write, with its number.
	before func(n int32)
}

func (d *journalDisk) refused() error {
	if err := d.refuse.Load(); err != nil {
		return *err
	}
	return nil
}

func (d *journalDisk) Open(name string, create bool) (journal.File, error) {
	if err := d.refused(); err != nil {
		return nil, err
	}
	f, err := d.Dir.Open(name, create)
	if err != nil {
		return nil, err
	}
	return journalFile{f, d}, nil
}

type journalFile struct {
	journal.File
	d *journalDisk
}

func (f journalFile) WriteAt(b []byte, off int64) (int, error) {
	if n := f.d.writes.Add(1); f.d.before != nil {
		f.d.before(n)
	}
	if err := f.d.refused(); err != nil {
		return 0, err
	}
	return f.File.WriteAt(b, off)
}

func (f journalFile) Sync() error {
	f.d.syncs.Add(1)
	if err := f.d.refused(); err != nil {
		return err
	}
	return f.File.Sync()
}
