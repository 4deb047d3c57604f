package daemon

import (
	"encoding/json"
	"fmt"
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

// The audit log: bytes a file, and files kept, the newest first.
const (
	auditBytes = 8 << 20
	auditFiles = 4
)

// audit is the append-only log of mutating acts. Each line is one write to a descriptor that can only append.
type audit struct {
	path string

	mu   sync.Mutex
	file *os.File
	size int64
}

// add writes an entry.
func (a *audit) add(e *auditEntry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode an audit entry: %w", err)
	}
	line = append(line, '\n')
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.file != nil && a.size+int64(len(line)) > auditBytes {
		a.rotate()
	}
	if a.file == nil {
		if err := a.open(); err != nil {
			return err
		}
	}
	n, err := a.file.Write(line)
	a.size += int64(n)
	return err
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
	a.file, a.size = f, info.Size()
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
