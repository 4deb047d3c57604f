package daemon

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"go.uber.org/zap"
)

// auditEntry is one mutating act: who asked for what, when, and what came of it.
type auditEntry struct {
	At time.Time `json:"at"`
	actor
	Act      string   `json:"act"`
	Targets  []string `json:"targets,omitempty"`
	Failures int      `json:"failures"`
	Error    string   `json:"error,omitempty"` // the first failure
	TookMS   float64  `json:"took_ms"`
}

// The audit log: bytes a file, files kept, the newest first, and bytes that wait for a disk that takes them.
const (
	auditBytes   = 8 << 20
	auditFiles   = 4
	auditWaiting = 1 << 20
)

// audit is the append-only log of mutating acts. Each line is one write to a descriptor that can only append.
type audit struct {
	path string

	mu      sync.Mutex
	file    *os.File
	size    int64
	torn    bool   // the file does not end with a whole line
	waiting []byte // lines that a disk has refused
}

// add writes an entry, after those that a disk has refused before.
func (a *audit) add(e *auditEntry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode an audit entry: %w", err)
	}
	line = append(line, '\n')
	a.mu.Lock()
	defer a.mu.Unlock()
	err = a.again()
	if err == nil {
		err = a.put(line)
	}
	if err != nil && len(a.waiting)+len(line) <= auditWaiting {
		a.waiting = append(a.waiting, line...)
		err = fmt.Errorf("an entry of the audit log waits for its disk: %w", err)
	}
	return err
}

// retry writes what a disk has refused before.
func (a *audit) retry() {
	a.mu.Lock()
	defer a.mu.Unlock()
	_ = a.again() // it goes on waiting
}

func (a *audit) again() error {
	for len(a.waiting) > 0 {
		line, rest, _ := bytes.Cut(a.waiting, []byte("\n"))
		if err := a.put(a.waiting[:len(line)+1]); err != nil {
			return err
		}
		a.waiting = rest
	}
	a.waiting = nil
	return nil
}

// put appends a line. It never goes on one that was torn.
func (a *audit) put(line []byte) error {
	if a.file != nil && a.size+int64(len(line)) > auditBytes {
		a.rotate()
	}
	if a.file == nil {
		if err := a.open(); err != nil {
			return err
		}
	}
	if info, err := a.file.Stat(); err == nil && info.Size() != a.size { // front ends append, too
		a.size, a.torn = info.Size(), endsTorn(a.path, info.Size())
	}
	return appendLine(a.file, line, &a.size, &a.torn)
}

// appendLine appends a line to a file by one write. What there is of one that did not fit is taken back, or else ended, so that
// the next one is whole.
func appendLine(f *os.File, line []byte, size *int64, torn *bool) error {
	if *torn {
		line = append([]byte("\n"), line...)
	}
	n, err := f.Write(line)
	*size += int64(n)
	switch {
	case err == nil:
		*torn = false
	case n > 0 && takenBack(f, int64(n)):
		*size -= int64(n)
	case n > 0:
		*torn = true
	}
	return err
}

// takenBack cuts off the n bytes that were appended last, unless somebody else has appended since: front ends do.
func takenBack(f *os.File, n int64) bool {
	end, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Size() == end && f.Truncate(end-n) == nil
}

// endsTorn reports whether the last line of a file has no end: who wrote it died of it, or its disk was full.
func endsTorn(path string, size int64) bool {
	if size == 0 {
		return false
	}
	f, err := os.Open(path)
	if err != nil {
		return true // an empty line does no harm
	}
	defer f.Close()
	var last [1]byte
	_, err = f.ReadAt(last[:], size-1)
	return err != nil || last[0] != '\n'
}

func (a *audit) open() error {
	f, err := os.OpenFile(a.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|noFollow, 0o600)
	if err != nil {
		return fmt.Errorf("open the audit log: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return fmt.Errorf("open the audit log: %w", err)
	}
	a.file, a.size, a.torn = f, info.Size(), endsTorn(a.path, info.Size())
	return nil
}

// rotate makes room: audit.log becomes audit.log.1, and so on; the oldest goes.
func (a *audit) rotate() {
	a.file.Close()
	a.file = nil
	for n := auditFiles - 1; n > 0; n-- {
		from := a.path
		if n > 1 {
			from = fmt.Sprintf("%s.%d", a.path, n-1)
		}
		os.Rename(from, fmt.Sprintf("%s.%d", a.path, n)) // one that is not there is no loss
	}
}

func (a *audit) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	_ = a.again() // nobody is there who could wait longer
	if a.file != nil {
		a.file.Close()
		a.file = nil
	}
}

// record writes an entry; an act is not undone because its record could not be written, but that is told.
func (d *daemon) record(e *auditEntry) {
	if err := d.audit.add(e); err != nil {
		d.log.Error("audit", zap.Error(err))
	}
}
