package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"
)

// The names in the directory.
const (
	fileName    = "journal"
	newName     = "journal.new"     // becomes fileName when it is complete
	reserveName = "journal.reserve" // gives its room back when the disk is full
	tornName    = "journal.torn"    // what the last start could not read to its end
	// SkippedName is the copy of a journal from which records were left out.
	SkippedName = "journal.skipped" // what several starts in a row could not live with
)

const (
	reserveSize = 256 << 10
	// compactFrom is the least size at which history is worth dropping, compactTimes how often what is current must fit.
	compactFrom  = 1 << 20
	compactTimes = 4
	// retryEvery is how long a disk that refuses is left alone.
	retryEvery = 2 * time.Second
)

var (
	errNotJournal = errors.New("not a journal of weaver")
	errNoFile     = errors.New("there is no file yet")
)

// ErrClosed is the answer of a journal that was closed.
var ErrClosed = errors.New("the journal is closed")

// Options of a journal.
type Options struct {
	Files  Files
	Memory Memory // nil: this process's own
	// Report hears when the disk begins to refuse, and with nil when that is over. It must not call the journal.
	Report func(error)
	// Life has the keys of the records that tell how starts went, which are the caller's to write but for the last.
	Life Life
	// SkipTail leaves out the last record from before starts that failed, and what those wrote: perhaps that is why they did.
	// The journal as it was is put aside. Each further start without success leaves out one more, up to maxSkips.
	SkipTail bool

	reserve int64         // bytes; reserveSize when 0
	retry   time.Duration // retryEvery when 0
}

// Life names records that say how starts went.
type Life struct {
	Began   string // written first
	Served  string // written once all is well
	Skipped string // how many records were left out since; gone once all is well
}

// maxSkips bounds what is left out: after that it is not the journal's fault.
const maxSkips = 8

// Found is what a journal held when it was opened.
type Found struct {
	Values  map[string][]byte
	New     bool   // there was none
	Memory  bool   // a former supervisor had to go on in memory
	Torn    int64  // so many bytes at the end of the file did not check out
	Skipped int    // records left out at the end, because of SkipTail
	Kept    string // the file in which a copy of a torn journal was put aside; "" if there is none
}

// Journal is an open one. Its methods are safe for concurrent use.
type Journal struct {
	opts Options

	// disk is held while the disk is waited for: by a sync, a compaction. It is taken before mu.
	disk   sync.Mutex
	synced uint64 // appends that a power cut spares; guarded by disk

	mu       sync.Mutex
	file     File
	number   uint64
	end      int64
	chain    uint32
	index    map[string]place // values in file
	live     int64            // bytes that what is current would take
	limit    int64            // size that calls for compaction
	seq      uint64           // appends so far
	wanted   uint64           // the last one that Sync waits for
	problem  error            // why the file is not on disk; nil if it is
	own      bool             // what somebody else was to keep is not kept: it dies with this process
	retry    *time.Timer
	buf      []byte
	closed   bool
	compacts bool
	work     sync.WaitGroup
}

// Open opens the journal of a directory, or begins one. The error is nil unless there is one that must not be touched,
// such as a newer format's. A disk that refuses is no error: see Problem.
func Open(o Options) (*Journal, Found, error) {
	if o.Memory == nil {
		o.Memory = noMemory{}
	}
	if o.reserve == 0 {
		o.reserve = reserveSize
	}
	if o.retry == 0 {
		o.retry = retryEvery
	}
	j := &Journal{opts: o, index: map[string]place{}}
	found, err := j.load()
	if err != nil {
		return nil, Found{}, err
	}
	return j, found, nil
}

// load finds what there is and goes on with it.
func (j *Journal) load() (Found, error) {
	found := Found{Values: map[string][]byte{}}
	_ = j.opts.Files.Remove(newName) // of a compaction that something interrupted
	var kept reading
	if held := j.opts.Memory.Held(); held != nil {
		r, err := read(held)
		if err == nil {
			kept, found.Memory = r, true
		}
	}
	file, err := j.opts.Files.Open(fileName, false)
	missing := errors.Is(err, fs.ErrNotExist)
	var disk reading
	if err == nil {
		disk, err = read(file)
		if err != nil {
			file.Close()
		}
	}
	var newer *formatError
	switch {
	case errors.As(err, &newer):
		return found, fmt.Errorf("read the journal: %w", err)
	case errors.Is(err, errNotJournal):
		found.Torn, found.Kept = disk.size, j.putAside(tornName)
		err = nil
	case missing:
		err = nil
	case err != nil:
		err = fmt.Errorf("read the journal: %w", err)
	}
	if found.Memory && kept.number > disk.number {
		if disk.file != nil {
			disk.file.Close()
		}
		j.resume(kept, &found)
		j.problem = errors.New("a former supervisor could not write to the disk")
		j.recover()
		return found, nil
	}
	found.Memory = false
	if disk.file == nil {
		found.New = missing
		j.begin(err)
		return found, nil
	}
	if o := &j.opts; o.SkipTail {
		var count []byte
		if disk, count, found.Skipped = disk.without(o.Life); found.Skipped == 1 {
			found.Kept = j.putAside(SkippedName)
		}
		if found.Skipped > 0 {
			defer j.Append(false, Record{Key: o.Life.Skipped, Value: count})
		}
	}
	j.resume(disk, &found)
	if found.Torn > 0 {
		if found.Skipped == 0 {
			found.Kept = j.putAside(tornName)
		}
		if err := j.file.Truncate(j.end); err != nil {
			j.fail(fmt.Errorf("cut the journal to what is whole: %w", err))
		}
	}
	j.opts.Memory.Drop()
	j.reserve()
	return found, nil
}

// resume goes on with a file that was read.
func (j *Journal) resume(r reading, found *Found) {
	j.file, j.number, j.end, j.chain, j.index = r.file, r.number, r.end, r.chain, r.index
	for key, p := range r.index {
		found.Values[key] = r.data[p.off : p.off+p.size : p.off+p.size]
		j.live += weight(key, p)
	}
	found.Torn = r.size - r.end
	j.setLimit()
}

// begin makes the first file. cause is why the one that there is cannot be used.
func (j *Journal) begin(cause error) {
	j.file, j.problem = &buffer{}, errNoFile
	j.end = int64(headerSize)
	if cause == nil {
		cause = j.rewrite()
	}
	if cause != nil {
		j.problem = nil
		j.fail(cause)
	}
}

// weight is what a record takes in the file, about.
func weight(key string, p place) int64 { return int64(len(key)) + p.size + 8 }

func (j *Journal) setLimit() { j.limit = max(compactFrom, compactTimes*j.live) }

// Append adds the records, all or none. They survive this process when it returns. durable says that Sync is to wait for
// them. It cannot fail: see Problem.
func (j *Journal) Append(durable bool, records ...Record) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed || len(records) == 0 {
		return
	}
	j.append(records)
	j.seq++
	if durable {
		j.wanted = j.seq
	}
	if j.end > j.limit && !j.compacts && j.problem == nil {
		j.compacts = true
		j.work.Go(j.compact) // ends when it is done
	}
}

func (j *Journal) append(records []Record) {
	frame, sum := appendFrame(j.buf[:0], j.chain, records)
	if cap(frame) <= 64<<10 {
		j.buf = frame[:0]
	}
	err := write(j.file, frame, j.end)
	if err != nil && j.problem == nil && isFull(err) && j.opts.Files.Remove(reserveName) == nil {
		err = write(j.file, frame, j.end)
	}
	for err != nil { // memory, then this process's own, which cannot fail
		_ = j.file.Truncate(j.end) // what is there of it does not check out anyway
		j.fail(fmt.Errorf("write the journal: %w", err))
		frame, sum = appendFrame(nil, j.chain, records)
		err = write(j.file, frame, j.end)
	}
	j.note(frame, j.end)
	j.end += int64(len(frame))
	j.chain = sum
}

// note brings the index up to date with a frame at off.
func (j *Journal) note(frame []byte, off int64) {
	changes(frame, func(key []byte, gone bool, value place) {
		k := string(key)
		if old, ok := j.index[k]; ok {
			j.live -= weight(k, old)
		}
		if gone {
			delete(j.index, k)
			return
		}
		p := place{off + value.off, value.size}
		j.index[k] = p
		j.live += weight(k, p)
	})
}

// Sync returns when all that was appended as durable is on disk, or says why it is not. Callers at the same time share one
// write of the disk.
func (j *Journal) Sync() error {
	j.mu.Lock()
	wanted := j.wanted
	j.mu.Unlock()
	j.disk.Lock()
	defer j.disk.Unlock()
	j.mu.Lock()
	seq, file, problem, closed := j.seq, j.file, j.problem, j.closed
	j.mu.Unlock()
	switch {
	case problem != nil:
		return problem
	case j.synced >= wanted:
		return nil
	case closed:
		return ErrClosed
	}
	if err := file.Sync(); err != nil {
		j.mu.Lock()
		defer j.mu.Unlock()
		if j.problem == nil {
			j.fail(fmt.Errorf("sync the journal: %w", err))
		}
		return j.problem
	}
	j.synced = seq
	return nil
}

// Problem is why a power cut would lose what was appended lately, or nil.
func (j *Journal) Problem() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.problem
}

// Removed reports that the file that is written to is not the one in the directory any more: somebody has removed that, or put
// another there.
func (j *Journal) Removed() bool {
	dir, ok := j.opts.Files.(Dir)
	j.mu.Lock()
	defer j.mu.Unlock()
	file, real := j.file.(osFile)
	return ok && real && j.problem == nil && !j.closed && dir.removed(file)
}

// Rewrite writes what is current to a new file, which takes the place of whatever is there.
func (j *Journal) Rewrite() error {
	err := j.rewrite()
	if err != nil {
		j.mu.Lock()
		defer j.mu.Unlock()
		if j.problem == nil && !j.closed {
			j.fail(err) // what is written to the old file nobody finds
		}
	}
	return err
}

// Close makes all durable and closes the file.
func (j *Journal) Close() error {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return nil
	}
	j.wanted = j.seq
	j.mu.Unlock()
	err := j.Sync()
	j.mu.Lock()
	j.closed = true
	if j.retry != nil {
		j.retry.Stop()
	}
	j.mu.Unlock()
	j.work.Wait()
	j.disk.Lock()
	defer j.disk.Unlock()
	return errors.Join(err, j.file.Close())
}
