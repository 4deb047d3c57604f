package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// sqliteHeader is how an SQLite database begins.
const sqliteHeader = "SQLite format 3\x00"

// sqliteTime bounds the check of a database, which reads all of it.
const sqliteTime = 5 * time.Minute

// sqlitePatience is how long one may be locked by those who write to it.
const sqlitePatience = 5 * time.Second

// pythonCheck does with Python's own SQLite what the program sqlite3 does.
const pythonCheck = `import sqlite3, sys
for row in sqlite3.connect(sys.argv[1], timeout=float(sys.argv[2])).execute("PRAGMA integrity_check(1)"): print(row[0])`

// sqliteChecker is what checks the database at path, nil if nothing here can. A library would cost every start of weaver more
// than it is worth.
func sqliteChecker(ctx context.Context, path string, patience time.Duration) *exec.Cmd {
	if tool, err := exec.LookPath("sqlite3"); err == nil {
		return exec.CommandContext(ctx, tool, "-batch", "-init", "/dev/null", "-cmd", ".timeout "+strconv.FormatInt(patience.Milliseconds(), 10), path, "PRAGMA integrity_check(1)")
	}
	if tool, err := exec.LookPath("python3"); err == nil {
		return exec.CommandContext(ctx, tool, "-I", "-c", pythonCheck, path, fmt.Sprint(patience.Seconds()))
	}
	return nil
}

// checkSQLite has SQLite check a database, as the app's user: it rolls back what was cut off, as the app itself would, and what
// it writes is that user's. A database that cannot be looked at, since it is locked, say, is not corrupt.
func (l *dataLook) checkSQLite(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(ctx, sqliteTime)
	defer cancel()
	cmd := sqliteChecker(ctx, path, l.patience)
	if cmd == nil {
		return fmt.Errorf("check the SQLite database %s: the program sqlite3 is not installed (Debian: apt-get install sqlite3), nor is python3", path)
	}
	cmd.Dir, cmd.SysProcAttr = "/", &syscall.SysProcAttr{}
	if err := asUser(l.spec, cmd); err != nil {
		return err
	}
	out, err := cmd.CombinedOutput()
	text := strings.TrimSpace(string(out))
	if err == nil && text == "ok" {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("check the SQLite database %s: %w", path, ctx.Err())
	}
	what := sqliteWords(text)
	if err == nil && what != "" || saysCorrupt(what) {
		return &corruptError{path, what}
	}
	if what == "" {
		what = fmt.Sprint(errors.Join(err, errNoAnswer))
	}
	return fmt.Errorf("check the SQLite database %s: %s", path, what)
}

var errNoAnswer = errors.New("no answer")

// sqliteWords is the line that tells, without what tools put around it.
func sqliteWords(text string) string {
	lines := strings.Split(text, "\n")
	said := lines[0]
	if strings.HasPrefix(said, "Traceback") { // what Python says is in the last line
		said = lines[len(lines)-1]
	} else if strings.HasPrefix(said, "***") && len(lines) > 1 { // in database main
		said = lines[1]
	}
	for _, before := range []string{"Error: ", "in prepare, ", "stepping, ", "sqlite3.DatabaseError: ", "sqlite3.OperationalError: "} {
		said = strings.TrimPrefix(strings.TrimSpace(said), before)
	}
	return said
}

// saysCorrupt knows SQLite's words for a file that it cannot make sense of.
func saysCorrupt(what string) bool {
	for _, word := range []string{"malformed", "not a database", "unsupported file format"} {
		if strings.Contains(what, word) {
			return true
		}
	}
	return false
}
