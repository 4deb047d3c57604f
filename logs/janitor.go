package logs

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"

	"weaver/app"
)

// DefaultBudget bounds all rotated files together when Options.TotalBudget is 0.
const DefaultBudget app.Bytes = 2 << 30

// unfinished ends the name of a file that is being compressed.
const unfinished = ".gz.tmp"

// chore is what remains to be done after a rotation. An empty path is only the budget.
type chore struct {
	path     string
	rotation Rotation
}

// janitor compresses and deletes rotated files, one at a time, apart from the log thread. Its goroutine lives while there
// is something to do.
type janitor struct {
	dir    string
	budget app.Bytes
	report func(path string, err error)

	mu      sync.Mutex
	chores  []chore
	formats []string // the date formats seen, to know rotated files by
	running bool
	stopped bool
	idle    sync.WaitGroup
}

// submit adds a chore; one for the same path that has not begun yet is replaced.
func (j *janitor) submit(c chore) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.stopped {
		return
	}
	if f := c.rotation.DateFormat; f != "" && !slices.Contains(j.formats, f) {
		j.formats = append(j.formats, f)
	}
	j.chores = slices.DeleteFunc(j.chores, func(d chore) bool { return d.path == c.path })
	j.chores = append(j.chores, c)
	if !j.running {
		j.running = true
		j.idle.Add(1)
		go j.work() // ends when there are no chores, or after the current one when stopped
	}
}

// stop ends the work: idle is done soon after. A compression under way is given up: the next rotation takes it up again.
func (j *janitor) stop() {
	j.mu.Lock()
	j.stopped, j.chores = true, nil
	j.mu.Unlock()
}

func (j *janitor) work() {
	defer j.idle.Done()
	for {
		j.mu.Lock()
		if len(j.chores) == 0 {
			j.running = false
			j.mu.Unlock()
			return
		}
		c := j.chores[0]
		j.chores = slices.Delete(j.chores, 0, 1)
		formats := slices.Clone(j.formats)
		last := len(j.chores) == 0
		j.mu.Unlock()

		if c.path != "" {
			if err := j.tidy(c); err != nil && !errors.Is(err, errStopped) {
				j.report(c.path, fmt.Errorf("tidy the rotated files of log %s: %w", c.path, err))
			}
		}
		if last && j.budget >= 0 && j.dir != "" {
			if err := j.economize(formats); err != nil && !os.IsNotExist(err) {
				j.report(j.dir, fmt.Errorf("keep rotated logs in %s within %s: %w", j.dir, j.budget, err))
			}
		}
	}
}

// tidy deletes all but the newest rotated files of one log, and compresses those left.
func (j *janitor) tidy(c chore) error {
	files, err := rotatedOf(c.path, c.rotation.DateFormat)
	if err != nil {
		return err
	}
	if n := len(files) - c.rotation.Keep; c.rotation.Keep >= 0 && n > 0 {
		for _, f := range files[:n] {
			if err := f.remove(); err != nil {
				return err
			}
		}
		files = files[n:]
	}
	if !c.rotation.Compress {
		return nil
	}
	for _, f := range files {
		if !f.zipped {
			if err := j.compress(f); err != nil {
				return err
			}
		}
	}
	return nil
}

// economize deletes the oldest rotated files of all logs until the rest fits the budget.
func (j *janitor) economize(formats []string) error {
	files, err := rotatedUnder(j.dir, formats)
	if err != nil {
		return err
	}
	var total int64
	for _, f := range files {
		total += f.size
	}
	for _, f := range files {
		if total <= int64(j.budget) {
			break
		}
		if err := f.remove(); err != nil {
			return err
		}
		total -= f.size
	}
	return nil
}

// compress replaces a file by its gzip, which keeps its time.
func (j *janitor) compress(f rotatedFile) (err error) {
	in, err := os.OpenFile(f.path, os.O_RDONLY|noFollow, 0) // the directory may be somebody else's
	if os.IsNotExist(err) {
		return nil // somebody cleaned up
	}
	if err != nil {
		return err
	}
	defer in.Close()
	tmp := f.path + unfinished
	if err := removeFile(tmp); err != nil {
		return err
	}
	out, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = out.Close()
			_ = os.Remove(tmp)
		}
	}()
	z := gzip.NewWriter(out)
	if _, err = io.Copy(z, stoppable{in, j}); err != nil {
		return err
	}
	if err = errors.Join(z.Close(), out.Sync()); err != nil {
		return err
	}
	resemble(out, in)
	if err = out.Close(); err != nil {
		return err
	}
	if err = setTime(tmp, f.mtime); err != nil {
		return err
	}
	if err = os.Rename(tmp, f.path+".gz"); err != nil {
		return err
	}
	return removeFile(f.path)
}

var errStopped = errors.New("stopped")

// stoppable ends a long copy when the janitor is told to stop.
type stoppable struct {
	r io.Reader
	j *janitor
}

func (s stoppable) Read(b []byte) (int, error) {
	s.j.mu.Lock()
	stopped := s.j.stopped
	s.j.mu.Unlock()
	if stopped {
		return 0, errStopped
	}
	return s.r.Read(b)
}

// remove deletes the file, and what a crash left of compressing it.
func (f rotatedFile) remove() error {
	return errors.Join(removeFile(f.path), removeFile(f.path+unfinished))
}

func removeFile(path string) error {
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return err
	}
	return nil
}
