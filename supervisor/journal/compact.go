package journal

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// copying is a file that is being written anew.
type copying struct {
	file  File
	end   int64
	chain uint32
	index map[string]place
	buf   []byte
}

// copyChunk is about how large the frames of a new file are.
const copyChunk = 64 << 10

func newCopy(file File, number uint64) (*copying, error) {
	c := &copying{file: file, index: map[string]place{}}
	head := appendHeader(nil, number)
	c.end = int64(len(head))
	return c, write(file, head, 0)
}

// add copies the values of the keys, as they are in from.
func (c *copying) add(from File, index map[string]place) error {
	keys := slices.Sorted(maps.Keys(index))
	var batch []Record
	size := 0
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		frame, sum := appendFrame(c.buf[:0], c.chain, batch)
		c.buf, batch, size = frame, batch[:0], 0
		return c.put(frame, sum)
	}
	for _, key := range keys {
		p := index[key]
		value := make([]byte, p.size)
		if n, err := from.ReadAt(value, p.off); int64(n) < p.size {
			return fmt.Errorf("read %s: %w", key, err)
		}
		batch = append(batch, Record{Key: key, Value: value})
		if size += int(p.size); size >= copyChunk {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// put appends a frame whose head is right.
func (c *copying) put(frame []byte, sum uint32) error {
	if err := write(c.file, frame, c.end); err != nil {
		return err
	}
	off := c.end
	changes(frame, func(key []byte, gone bool, value place) {
		if gone {
			delete(c.index, string(key))
		} else {
			c.index[string(key)] = place{off + value.off, value.size}
		}
	})
	c.end += int64(len(frame))
	c.chain = sum
	return nil
}

// tail copies the frames of from between two places, the first following chain.
func (c *copying) tail(from File, off, end int64, chain uint32) error {
	if off == end {
		return nil
	}
	data := make([]byte, end-off)
	if n, err := from.ReadAt(data, off); n < len(data) {
		return fmt.Errorf("read the end of the journal: %w", err)
	}
	for len(data) > 0 {
		frame, sum, ok := nextFrame(data, chain)
		if !ok {
			return fmt.Errorf("read the end of the journal: %w", errNotJournal)
		}
		data, chain = data[len(frame):], sum
		if err := c.put(frame, seal(frame, c.chain)); err != nil {
			return err
		}
	}
	return nil
}

// compact drops history.
func (j *Journal) compact() {
	j.disk.Lock()
	defer j.disk.Unlock()
	j.mu.Lock()
	healthy := j.problem == nil && !j.closed
	j.mu.Unlock()
	var err error
	if healthy {
		err = j.rewriteLocked()
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.compacts = false
	if err != nil { // the old file still serves
		j.limit = 2 * j.end
	}
}

// recover tries to bring what is in memory back to the disk.
func (j *Journal) recover() {
	err := j.rewrite()
	if err == nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.again()
}

// again has the disk tried again later. Call it with mu held.
func (j *Journal) again() {
	if j.closed || j.problem == nil {
		return
	}
	if j.retry == nil {
		j.retry = time.AfterFunc(j.opts.retry, j.recover) // stopped by Close, or not set again
		return
	}
	j.retry.Reset(j.opts.retry)
}

func (j *Journal) rewrite() error {
	j.disk.Lock()
	defer j.disk.Unlock()
	return j.rewriteLocked()
}

// rewriteLocked writes what is current to a new file on disk and goes on with that one. When it fails all is as before, or,
// once the file was replaced, in memory. Call it with disk held.
func (j *Journal) rewriteLocked() error {
	j.mu.Lock()
	if j.closed {
		j.mu.Unlock()
		return ErrClosed
	}
	old, index, off, chain, number := j.file, maps.Clone(j.index), j.end, j.chain, j.number+1
	j.mu.Unlock()

	file, err := j.opts.Files.Open(newName, true)
	if err != nil {
		return fmt.Errorf("compact the journal: %w", err)
	}
	fail := func(err error) error {
		file.Close()
		_ = j.opts.Files.Remove(newName)
		return fmt.Errorf("compact the journal: %w", err)
	}
	c, err := newCopy(file, number)
	if err == nil {
		err = c.add(old, index)
	}
	if err == nil {
		err = file.Sync()
	}
	if err != nil {
		return fail(err)
	}

	j.mu.Lock()
	if j.file != old { // the disk refused meanwhile
		problem := j.problem
		j.mu.Unlock()
		return fail(problem)
	}
	err = c.tail(old, off, j.end, chain)
	if err == nil {
		err = j.opts.Files.Rename(newName, fileName)
	}
	if err != nil {
		j.mu.Unlock()
		return fail(err)
	}
	was := j.problem
	j.use(c, number)
	seq := j.seq
	j.problem, j.own = nil, false
	j.mu.Unlock()

	err = j.opts.Files.SyncDir()
	if err == nil {
		err = file.Sync() // what came in meanwhile
	}
	j.mu.Lock()
	if err != nil {
		if j.problem == nil {
			j.fail(fmt.Errorf("sync the journal: %w", err))
		}
		err = j.problem
	}
	j.mu.Unlock()
	old.Close()
	if err != nil {
		return err
	}
	j.synced = seq
	if was != nil && was != errNoFile {
		j.opts.Memory.Drop()
		j.report(nil)
	}
	j.reserve()
	return nil
}

// use goes on with a copy that is complete. Call it with mu held.
func (j *Journal) use(c *copying, number uint64) {
	j.file, j.number, j.end, j.chain, j.index = c.file, number, c.end, c.chain, c.index
	j.live = 0
	for key, p := range j.index {
		j.live += weight(key, p)
	}
	j.setLimit()
}

// fail goes on in memory, because of err. Call it with mu held.
func (j *Journal) fail(err error) {
	j.problem = err
	number := j.number + 1
	old, c := j.file, (*copying)(nil)
	file, merr := j.opts.Memory.Make()
	if merr == nil && !j.own {
		if c, merr = newCopy(file, number); merr == nil {
			merr = c.add(old, j.index)
		}
		if merr == nil {
			merr = j.opts.Memory.Keep()
		}
	}
	if merr != nil || c == nil { // what cannot be read any more is lost; what lives in this process goes on
		if file != nil {
			file.Close()
		}
		j.own = true
		c, _ = newCopy(&buffer{}, number)
		for key, p := range j.index {
			_ = c.add(old, map[string]place{key: p})
		}
	}
	j.use(c, number)
	old.Close()
	j.report(err)
	j.again()
}

func (j *Journal) report(err error) {
	if j.opts.Report != nil {
		j.opts.Report(err)
	}
}

// reserve makes sure of the room that a full disk gives back.
func (j *Journal) reserve() {
	file, err := j.opts.Files.Open(reserveName, false)
	if err == nil {
		size, serr := file.Size()
		file.Close()
		if serr == nil && size >= j.opts.reserve {
			return
		}
	}
	if file, err = j.opts.Files.Open(reserveName, true); err != nil {
		return // there is no more room than there is
	}
	zeros := make([]byte, min(64<<10, j.opts.reserve))
	for off := int64(0); off < j.opts.reserve && err == nil; off += int64(len(zeros)) {
		err = write(file, zeros, off)
	}
	file.Close()
	if err != nil {
		_ = j.opts.Files.Remove(reserveName)
	}
}
