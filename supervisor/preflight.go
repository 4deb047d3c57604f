package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"weaver/app"
	"weaver/procstat"
)

// preflight sees that a new app can run: its data is sound, its port is free. It may change the port. say tells of that.
func (s *Supervisor) preflight(ctx context.Context, spec *app.Spec, say func(string)) error {
	if err := sound(ctx, spec.Data); err != nil {
		return err
	}
	if spec.Port == nil || !spec.PortCheck && !spec.AutoPort && spec.PortRetry == 0 {
		return nil
	}
	port := *spec.Port
	err := free(port)
	for try, wait := 0, firstPortWait; err != nil && try < spec.PortRetry; try, wait = try+1, min(wait*2, longestPortWait) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
		err = free(port)
	}
	if err == nil || !spec.AutoPort {
		return err
	}
	for next := port + 1; next <= 65535; next++ {
		if free(next) == nil {
			say(fmt.Sprintf("%v, using port %d", err, next))
			*spec = spec.Clone()
			spec.Port = &next
			spec.Env.Set("PORT", strconv.Itoa(next))
			return nil
		}
	}
	return err
}

// Pauses between looks for a port that is taken.
const (
	firstPortWait   = 100 * time.Millisecond
	longestPortWait = 5 * time.Second
)

// free says who has a port, if somebody has.
func free(port int) error {
	for _, network := range []string{"tcp4", "tcp6"} {
		l, err := net.Listen(network, ":"+strconv.Itoa(port))
		switch {
		case err == nil:
			l.Close()
		case isInUse(err):
			text := fmt.Sprintf("port %d is already in use", port)
			if pid, name := procstat.Owner(port); pid != 0 {
				text += fmt.Sprintf(" by pid %d (%s)", pid, name)
			}
			return errors.New(text)
		case network == "tcp4":
			return fmt.Errorf("port %d: %w", port, err)
		} // no IPv6 here is no reason
	}
	return nil
}

// sqliteHeader is how an SQLite database begins.
const sqliteHeader = "SQLite format 3\x00"

// sound sees that a data file can be used: a JSON document that parses, or an SQLite database that passes its own check. A
// corrupt one is restored from its backup, and a missing one created, if the app wants that.
func sound(ctx context.Context, d *app.DataFile) error {
	if d == nil {
		return nil
	}
	err := checkData(ctx, d.Path)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrNotExist) && d.Create:
		return createData(d.Path)
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("data file %s is missing", d.Path)
	case !errors.As(err, new(*corruptError)) || !d.Restore:
		return err
	}
	backup := d.Path + ".backup"
	if bad := checkData(ctx, backup); bad != nil {
		if errors.Is(bad, os.ErrNotExist) {
			return fmt.Errorf("%w, and there is no backup %s", err, backup)
		}
		return fmt.Errorf("%w, and so is its backup: %w", err, bad)
	}
	aside := d.Path + ".corrupt-" + time.Now().UTC().Format("20060102T150405.000")
	data, readErr := os.ReadFile(backup)
	if readErr != nil {
		return fmt.Errorf("restore %s: %w", d.Path, readErr)
	}
	if renameErr := os.Rename(d.Path, aside); renameErr != nil {
		return fmt.Errorf("keep the corrupt %s aside: %w", d.Path, renameErr)
	}
	return writeWhole(d.Path, data)
}

// corruptError says what is wrong with a data file.
type corruptError struct{ path, what string }

func (e *corruptError) Error() string { return "corrupt data file " + e.path + ": " + e.what }

func checkData(ctx context.Context, path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("data file: %w", err)
	}
	if strings.HasPrefix(string(data), sqliteHeader) || !isJSONName(path) {
		return checkSQLite(ctx, path, data)
	}
	var v any
	err = json.Unmarshal(data, &v)
	var at *json.SyntaxError
	if errors.As(err, &at) {
		before := string(data[:min(int(at.Offset), len(data))])
		return &corruptError{path, fmt.Sprintf("line %d: %v", 1+strings.Count(before, "\n"), err)}
	}
	if err != nil {
		return &corruptError{path, err.Error()}
	}
	return nil
}

func isJSONName(path string) bool {
	for _, end := range []string{".db", ".sqlite", ".sqlite3", ".db3"} {
		if strings.HasSuffix(path, end) {
			return false
		}
	}
	return true
}

// checkSQLite has the sqlite3 program check a database: a library would cost every start of weaver more than it is worth.
func checkSQLite(ctx context.Context, path string, data []byte) error {
	if len(data) == 0 {
		return nil // a new database
	}
	if !strings.HasPrefix(string(data), sqliteHeader) {
		return &corruptError{path, "it is no SQLite database"}
	}
	tool, err := exec.LookPath("sqlite3")
	if err != nil {
		return fmt.Errorf("check the SQLite database %s: the program sqlite3 is not installed", path)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, tool, "-readonly", path, "PRAGMA integrity_check").CombinedOutput()
	text := strings.TrimSpace(string(out))
	if err == nil && text == "ok" {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("check the SQLite database %s: %w", path, ctx.Err())
	}
	line, _, _ := strings.Cut(text, "\n")
	return &corruptError{path, orElse(line, fmt.Sprint(err))}
}

func createData(path string) error {
	if isJSONName(path) {
		return writeWhole(path, []byte("{}\n"))
	}
	return writeWhole(path, nil) // SQLite takes an empty file for an empty database
}

// writeWhole puts data at path: who looks sees all of it or what was there before.
func writeWhole(path string, data []byte) error {
	tmp := path + ".weaver-new"
	if err := os.WriteFile(tmp, data, 0o600); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		os.Remove(tmp)
		return err
	}
	return nil
}
