package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"
)

// auditLines is how many acts `audit` shows.
const auditLines = 30

// auditEntry is a line of the audit log, as far as it is shown.
type auditEntry struct {
	At       time.Time `json:"at"`
	User     string    `json:"user"`
	PID      int       `json:"pid"`
	Command  string    `json:"command"`
	Act      string    `json:"act"`
	Targets  []string  `json:"targets"`
	Failures int       `json:"failures"`
	Error    string    `json:"error"`
}

// runAudit shows who asked for what: the file is the supervisor's, and can be read without it.
func runAudit(c *call) error {
	if err := c.findHome(); err != nil {
		return err
	}
	n := auditLines
	if text := c.str("lines"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 0 {
			return &usageError{message: "option `--lines' needs a number, not " + text}
		}
	}
	lines, err := lastLines(c.home.Audit(), n)
	if err != nil {
		return c.cannot("", "read the audit log", err)
	}
	if c.out.json {
		for _, l := range lines {
			c.out.bytes(append(l, '\n'))
		}
		return nil
	}
	for _, l := range lines {
		var e auditEntry
		if err := json.Unmarshal(l, &e); err != nil {
			c.out.note("weaver: %s: a line that cannot be read: %v", c.home.Audit(), err)
			continue
		}
		result := "ok"
		if e.Failures > 0 {
			result = "failed: " + e.Error
		}
		c.out.data(fmt.Sprintf("%s  %-10s %7d  %-11s %-24s %s  (%s)\n", e.At.Local().Format(time.DateTime), e.User, e.PID, e.Act,
			strings.Join(e.Targets, " "), result, e.Command))
	}
	return nil
}

// lastLines returns the last n lines of the audit log, going back into the one before it where the newest is too short.
func lastLines(path string, n int) ([][]byte, error) {
	var out [][]byte
	for _, p := range []string{path + ".1", path} {
		data, err := os.ReadFile(p)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for l := range bytes.Lines(data) {
			out = append(out, bytes.TrimRight(l, "\n"))
		}
	}
	return out[max(0, len(out)-n):], nil
}
