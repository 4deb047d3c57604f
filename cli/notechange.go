package cli

import (
	"encoding/json"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"time"

	"weaver/app"
)

// alters says what this process is about to change by itself, for the audit log.
func (c *call) alters(what ...string) { c.changed = append(c.changed, what...) }

// noteChange puts what was changed without the supervisor into the audit log of the home, beside what the supervisor did. It is not
// undone because that cannot be written.
func (c *call) noteChange(began time.Time, err error) {
	if len(c.changed) == 0 || c.home.Dir == "" {
		return
	}
	if info, serr := os.Stat(c.home.Dir); serr != nil {
		return // there is no home, and none is made for this
	} else if _, ours := owned(info); !ours {
		return // its owner could not write to our file
	}
	e := auditLine{
		auditEntry: auditEntry{At: began, PID: c.env.pid(), Command: app.Redact(c.line), Act: c.cmd.name, Targets: c.changed},
		UID:        os.Getuid(), TookMS: float64(time.Since(began).Microseconds()) / 1000,
	}
	e.User = strconv.Itoa(e.UID)
	if u, err := user.LookupId(e.User); err == nil {
		e.User = u.Username
	}
	if err != nil {
		e.Failures, e.Error = 1, app.Redact(err.Error())
	}
	line, merr := json.Marshal(e)
	if merr == nil {
		var f *os.File
		if f, merr = os.OpenFile(c.home.Audit(), os.O_RDWR|os.O_APPEND|os.O_CREATE|noFollow, 0o600); merr == nil {
			if line = append(line, '\n'); endsTorn(f) {
				line = append([]byte("\n"), line...)
			}
			_, merr = f.Write(line) // one write: others append, too
			if cerr := f.Close(); merr == nil {
				merr = cerr
			}
		}
	}
	if merr != nil {
		c.out.warn("%s: %v", filepath.Base(c.home.Audit()), merr)
	}
}

// endsTorn reports whether the last line of a file has no end: whoever wrote it died of it, or its disk was full.
func endsTorn(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return false
	}
	var last [1]byte
	_, err = f.ReadAt(last[:], info.Size()-1)
	return err != nil || last[0] != '\n'
}

// auditLine is a line of the audit log as it is written.
type auditLine struct {
	auditEntry
	UID    int     `json:"uid"`
	TookMS float64 `json:"took_ms"`
}
