package journal

import (
	"errors"
	"io/fs"
	"slices"
	"syscall"
)

var errPower = errors.New("power failure")

// disk is a file system in memory. It can fail at the n-th thing that is done to it, and be asked what a power cut at that
// moment would have left.
type disk struct {
	files map[string]*inode // as processes see it
	names map[string]*inode // as is durable

	ops   int
	fails func(op int, what string) error // what the op-th thing done answers, nil for its usual
	short bool                            // a write that fails leaves half of its data
	tears bool                            // a power cut spares half of what was written last and not synced
}

type inode struct{ data, synced []byte }

func newDisk() *disk {
	return &disk{files: map[string]*inode{}, names: map[string]*inode{}, fails: func(int, string) error { return nil }}
}

func (d *disk) op(what string) error {
	d.ops++
	return d.fails(d.ops, what)
}

func (d *disk) Open(name string, create bool) (File, error) {
	node := d.files[name]
	if create {
		if err := d.op("create"); err != nil {
			return nil, err
		}
		node = &inode{}
		d.files[name] = node
	}
	if node == nil {
		return nil, fs.ErrNotExist
	}
	return &diskFile{d, node}, nil
}

func (d *disk) Rename(from, to string) error {
	if err := d.op("rename"); err != nil {
		return err
	}
	d.files[to] = d.files[from]
	delete(d.files, from)
	return nil
}

func (d *disk) Remove(name string) error {
	if d.files[name] == nil {
		return fs.ErrNotExist
	}
	delete(d.files, name)
	return nil
}

func (d *disk) SyncDir() error {
	if err := d.op("syncdir"); err != nil {
		return err
	}
	d.names = map[string]*inode{}
	for name, node := range d.files {
		d.names[name] = node
	}
	return nil
}

// afterKill is what the next process finds: all that was written.
func (d *disk) afterKill() *disk {
	n := newDisk()
	for name, node := range d.files {
		n.files[name] = &inode{slices.Clone(node.data), slices.Clone(node.synced)}
		n.names[name] = n.files[name]
	}
	return n
}

// afterPowerCut is what the next boot finds: what was synced, under the names that were. renamed says that the kernel had
// got to writing names by itself.
func (d *disk) afterPowerCut(renamed bool) *disk {
	names := d.names
	if renamed {
		names = d.files
	}
	n := newDisk()
	for name, node := range names {
		data := slices.Clone(node.synced)
		if d.tears && len(node.data) > len(data) {
			data = append(data, node.data[len(data):len(data)+(len(node.data)-len(data))/2]...)
		}
		n.files[name] = &inode{data, slices.Clone(data)}
		n.names[name] = n.files[name]
	}
	return n
}

type diskFile struct {
	d    *disk
	node *inode
}

func (f *diskFile) ReadAt(b []byte, off int64) (int, error) {
	return (&buffer{data: f.node.data}).ReadAt(b, off)
}

func (f *diskFile) WriteAt(b []byte, off int64) (int, error) {
	if err := f.d.op("write"); err != nil {
		n := 0
		if f.d.short {
			n = len(b) / 2
			f.put(b[:n], off)
		}
		return n, err
	}
	f.put(b, off)
	return len(b), nil
}

func (f *diskFile) put(b []byte, off int64) {
	w := &buffer{data: f.node.data}
	_, _ = w.WriteAt(b, off)
	f.node.data = w.data
}

func (f *diskFile) Truncate(size int64) error {
	if err := f.d.op("truncate"); err != nil {
		return err
	}
	if size < int64(len(f.node.data)) {
		f.node.data = f.node.data[:size:size]
		f.node.synced = f.node.synced[:min(size, int64(len(f.node.synced)))]
	}
	return nil
}

func (f *diskFile) Sync() error {
	if err := f.d.op("sync"); err != nil {
		return err
	}
	f.node.synced = slices.Clone(f.node.data)
	return nil
}

func (f *diskFile) Size() (int64, error) { return int64(len(f.node.data)), nil }
func (f *diskFile) Close() error         { return nil }

// keeper is a Memory that lives longer than a journal.
type keeper struct{ next, kept File }

func (k *keeper) Held() File { return k.kept }
func (k *keeper) Make() (File, error) {
	k.next = &buffer{}
	return k.next, nil
}

func (k *keeper) Keep() error {
	k.kept = k.next
	return nil
}
func (k *keeper) Drop() { k.kept = nil }

// from is a failure at the n-th operation and all after it, once at the n-th only.
func from(n int, err error) func(int, string) error {
	return func(op int, _ string) error {
		if op >= n {
			return err
		}
		return nil
	}
}

func once(n int, err error) func(int, string) error {
	return func(op int, _ string) error {
		if op == n {
			return err
		}
		return nil
	}
}

// failures are the ways in which a disk fails.
var failures = []struct {
	name string
	at   func(n int) func(int, string) error
}{
	{"power", func(n int) func(int, string) error { return from(n, errPower) }},
	{"full", func(n int) func(int, string) error { return from(n, syscall.ENOSPC) }},
	{"full once", func(n int) func(int, string) error { return once(n, syscall.ENOSPC) }},
	{"i/o error", func(n int) func(int, string) error { return from(n, syscall.EIO) }},
	{"i/o error once", func(n int) func(int, string) error { return once(n, syscall.EIO) }},
	{"read-only", func(n int) func(int, string) error { return from(n, syscall.EROFS) }},
}
