package supervisor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"weaver/app"
)

// dataFiles are the data files of apps. Each is looked at by one launch at a time, since a look may replace it.
type dataFiles struct {
	mu    sync.Mutex
	files map[string]*dataFile
}

// dataFile is what is known of one from the last look.
type dataFile struct {
	mu   sync.Mutex
	size int64
	at   time.Time // of the last write
	seen time.Time // when it was sound
}

// soundFor is how long a file that nobody wrote to is as sound as it was: the instances of an app start together.
const soundFor = 5 * time.Second

func (d *dataFiles) of(path string) *dataFile {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.files == nil {
		d.files = map[string]*dataFile{}
	}
	f := d.files[path]
	if f == nil {
		f = &dataFile{}
		d.files[path] = f
	}
	return f
}

// sound sees that the data file of an app can be used: a JSON document that parses, or an SQLite database that passes its
// own check. A corrupt one is restored from its backup, and a missing one created, if the app wants that; say tells of it.
func (s *Supervisor) sound(ctx context.Context, spec *app.Spec, say func(string)) error {
	if spec.Data == nil {
		return nil
	}
	f := s.data.of(spec.Data.Path)
	f.mu.Lock()
	defer f.mu.Unlock()
	info, err := os.Stat(spec.Data.Path)
	if err == nil && time.Since(f.seen) < soundFor && info.Size() == f.size && info.ModTime().Equal(f.at) {
		return nil
	}
	l := dataLook{spec: spec, path: spec.Data.Path, say: say, user: func() int { return s.userOf(spec.Data.Path) }, patience: sqlitePatience}
	if err := l.look(ctx); err != nil {
		return err
	}
	if info, err := os.Stat(spec.Data.Path); err == nil {
		f.size, f.at, f.seen = info.Size(), info.ModTime(), time.Now()
	}
	return nil
}

// userOf is a process that runs with a data file, 0 if there is none.
func (s *Supervisor) userOf(path string) int {
	for _, p := range s.views() {
		if d := p.Spec.Data; d != nil && d.Path == path && p.PID != 0 {
			return p.PID
		}
	}
	return 0
}

// dataLook is one look at a data file.
type dataLook struct {
	spec *app.Spec
	path string
	say  func(string)
	user func() int // a process that works with it
	// patience is how long a database may be locked.
	patience time.Duration
}

// corruptError says what is wrong with a data file.
type corruptError struct{ path, what string }

func (e *corruptError) Error() string { return "corrupt data file " + e.path + ": " + e.what }

// backupEnd is what the name of a backup has more than that of its file.
const backupEnd = ".backup"

func (l *dataLook) look(ctx context.Context) error {
	d := l.spec.Data
	err := l.check(ctx, l.path)
	missing := errors.Is(err, fs.ErrNotExist)
	switch {
	case err == nil:
		return nil
	case missing && !d.Create:
		text := "data file " + l.path + " is missing"
		if _, err := os.Stat(l.path + backupEnd); err == nil {
			text += ", though there is " + l.path + backupEnd
		}
		return errors.New(text)
	case missing && d.Restore:
		if _, err := os.Stat(l.path + backupEnd); errors.Is(err, fs.ErrNotExist) {
			return l.create()
		}
		return l.restore(ctx, errors.New("data file "+l.path+" was missing"), nil)
	case missing:
		return l.create()
	case !errors.As(err, new(*corruptError)) || !d.Restore:
		return err
	}
	if pid := l.user(); pid != 0 { // it would go on writing into the old one
		return fmt.Errorf("%w; it is not restored while pid %d works with it", err, pid)
	}
	info, statErr := os.Stat(l.path)
	if statErr != nil {
		return fmt.Errorf("restore data file: %w", statErr)
	}
	return l.restore(ctx, err, info)
}

// check looks at a file, which the app's own may be or its backup. It changes nothing but what SQLite itself would at the next
// use: a transaction that was cut off is rolled back.
func (l *dataLook) check(ctx context.Context, path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return fmt.Errorf("data file: %w", err)
	case info.IsDir():
		return fmt.Errorf("data file %s is a directory", path)
	case !info.Mode().IsRegular():
		return fmt.Errorf("data file %s is no regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("data file: %w", err)
	}
	defer f.Close()
	head := make([]byte, len(sqliteHeader))
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("data file: %w", err)
	}
	head = head[:n]
	switch {
	case string(head) == sqliteHeader:
		return l.checkSQLite(ctx, path)
	case isJSONName(path) || beginsJSON(head):
		return checkJSON(path, io.MultiReader(bytes.NewReader(head), f))
	case n == 0:
		return nil // a database that has just been created
	}
	return &corruptError{path, "it is no SQLite database"}
}

// isJSONName says that a file is a JSON document unless it begins as a database.
func isJSONName(path string) bool {
	switch filepath.Ext(path) {
	case ".db", ".sqlite", ".sqlite3", ".db3":
		return false
	}
	return true
}

func beginsJSON(head []byte) bool {
	head = bytes.TrimLeft(head, " \t\r\n")
	return len(head) > 0 && (head[0] == '{' || head[0] == '[')
}

// checkJSON reads one JSON document, whatever its size, without keeping it.
func checkJSON(path string, r io.Reader) error {
	lines := &lineCounter{r: r}
	d := json.NewDecoder(lines)
	d.UseNumber()
	depth, whole := 0, false
	for {
		t, err := d.Token()
		switch {
		case errors.Is(err, io.EOF) && whole:
			return nil
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return &corruptError{path, fmt.Sprintf("line %d: it ends too early", lines.at(lines.read))}
		case err != nil:
			var at *json.SyntaxError
			if !errors.As(err, &at) {
				return fmt.Errorf("data file: %w", err)
			}
			return &corruptError{path, fmt.Sprintf("line %d: %v", lines.at(d.InputOffset()), err)}
		case whole:
			return &corruptError{path, fmt.Sprintf("line %d: more follows after the end of the document", lines.at(d.InputOffset()))}
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		whole = depth == 0
	}
}

// lineCounter remembers where lines begin, of the last that were read: the decoder reads ahead.
type lineCounter struct {
	r      io.Reader
	read   int64
	before int // lines that began before those
	starts []int64
}

func (c *lineCounter) Read(b []byte) (int, error) {
	const most = 1 << 16 // more than is ever read ahead
	n, err := c.r.Read(b)
	for i, x := range b[:n] {
		if x == '\n' {
			c.starts = append(c.starts, c.read+int64(i)+1)
		}
	}
	if old := len(c.starts) - most; old > most {
		c.before += old
		c.starts = append(c.starts[:0], c.starts[old:]...)
	}
	c.read += int64(n)
	return n, err
}

// at is the number of the line that a place is in.
func (c *lineCounter) at(offset int64) int {
	n := 1 + c.before
	for _, start := range c.starts {
		if start > offset {
			break
		}
		n++
	}
	return n
}

// create makes an empty file, which is the app's user's.
func (l *dataLook) create() error {
	empty := "" // SQLite takes that for an empty database
	if isJSONName(l.path) {
		empty = "{}\n"
	}
	own := owner{mode: 0o600}
	if user, err := credentials(l.spec, &app.Env{}); err == nil && user != nil { // what is wrong with it, the launch says
		own.uid, own.gid, own.known = int(user.UID), int(user.GID), true
	}
	if err := replace(l.path, strings.NewReader(empty), own); err != nil {
		return fmt.Errorf("create data file: %w", err)
	}
	l.say("data file " + l.path + " was missing, and is created empty")
	return nil
}

// restore puts the backup in the place of the file that info is of, nil if there is none. Whoever is cut off in between finds
// the one or the other, or, where files cannot have two names, none, which the app's flags say what to do about.
func (l *dataLook) restore(ctx context.Context, why error, info fs.FileInfo) error {
	backup := l.path + backupEnd
	if bad := l.check(ctx, backup); bad != nil {
		if errors.Is(bad, fs.ErrNotExist) {
			return fmt.Errorf("%w, and there is no backup %s", why, backup)
		}
		return fmt.Errorf("%w, and so is its backup: %w", why, bad)
	}
	from, err := os.Open(backup)
	if err != nil {
		return fmt.Errorf("restore data file: %w", err)
	}
	defer from.Close()
	target, text := l.path, why.Error()+"; it is restored from "+backup
	if info == nil {
		if info, err = from.Stat(); err != nil {
			return fmt.Errorf("restore data file: %w", err)
		}
	} else {
		if real, err := filepath.EvalSymlinks(l.path); err == nil {
			target = real
		}
		aside := target + ".corrupt-" + time.Now().UTC().Format("20060102T150405.000000")
		if err := keepAside(target, aside); err != nil {
			return fmt.Errorf("keep the corrupt %s aside: %w", l.path, err)
		}
		text += ", and the corrupt one kept as " + aside
	}
	if err := replace(target, from, ownerOf(info)); err != nil {
		return fmt.Errorf("restore data file: %w", err)
	}
	l.say(text)
	return nil
}

// keepAside gives a file another name too, and what belongs to it that name alone: a journal or a write-ahead log that stayed
// would be played into the file that takes its place.
func keepAside(path, aside string) error {
	if err := os.Link(path, aside); err != nil { // not every file system can
		if err := os.Rename(path, aside); err != nil {
			return err
		}
	}
	for _, more := range []string{"-journal", "-wal", "-shm"} {
		if err := os.Rename(path+more, aside+more); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// owner is who may do what with a file.
type owner struct {
	mode     fs.FileMode
	uid, gid int
	known    bool
}

// replace puts what can be read at path: who looks sees all of it or what was there before, also after a power cut.
func replace(path string, from io.Reader, own owner) (err error) {
	tmp := path + ".weaver-new"
	_ = os.Remove(tmp) // of somebody who was cut off
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(tmp)
		}
	}()
	_, err = io.Copy(f, from)
	if err == nil && own.known {
		if err = f.Chown(own.uid, own.gid); os.Geteuid() != 0 {
			err = nil // then it is ours, as the app is
		}
	}
	if err == nil {
		err = f.Chmod(own.mode.Perm())
	}
	if err == nil {
		err = f.Sync()
	}
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err == nil {
		if dir, err := os.Open(filepath.Dir(path)); err == nil {
			_ = dir.Sync() // not every system has that
			dir.Close()
		}
	}
	return err
}
