package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// isMissing reports that there is no such file, as opposed to one that cannot be read.
func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// generations is a file of which the last versions are kept, path being the newest, then path.1, path.2 …
type generations struct {
	path string
	old  []string // names of the older ones, newest first
	fs   files
}

// files is what generations does to a disk. Tests put one there that fails.
type files interface {
	WriteSync(path string, data []byte) error
	ReadFile(path string) ([]byte, error)
	Rename(from, to string) error
	Link(from, to string) error
	Remove(path string) error
	SyncDir(dir string) error
}

// write makes data the newest generation. At every moment, whatever dies, path is the old version or the new one, whole.
func (g *generations) write(data []byte) error {
	tmp := g.path + ".tmp"
	if err := g.fs.WriteSync(tmp, data); err != nil {
		g.fs.Remove(tmp) // what is there is no use to anybody
		return fmt.Errorf("write %s: %w", tmp, err)
	}
	for i := len(g.old) - 1; i > 0; i-- {
		if err := g.fs.Rename(g.old[i-1], g.old[i]); err != nil && !isMissing(err) {
			return fmt.Errorf("keep an older version: %w", err)
		}
	}
	if len(g.old) > 0 {
		if err := g.fs.Link(g.path, g.old[0]); err != nil && !isMissing(err) && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("keep the version before: %w", err)
		}
	}
	if err := g.fs.Rename(tmp, g.path); err != nil {
		return fmt.Errorf("replace %s: %w", g.path, err)
	}
	if err := g.fs.SyncDir(g.path); err != nil {
		return fmt.Errorf("make the new name of %s durable: %w", g.path, err)
	}
	return nil
}

// read hands each generation to accept, newest first, until one is accepted, and returns its name; "" if there is none.
// The error says what was wrong with those before it.
func (g *generations) read(accept func([]byte) error) (string, error) {
	var problems []error
	for _, path := range append([]string{g.path}, g.old...) {
		data, err := g.fs.ReadFile(path)
		if isMissing(err) {
			continue
		}
		if err == nil {
			if err = accept(data); err == nil {
				return path, errors.Join(problems...)
			}
		}
		problems = append(problems, fmt.Errorf("read %s: %w", path, err))
	}
	return "", errors.Join(problems...)
}

// disk is the real file system.
type disk struct{}

func (disk) WriteSync(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|noFollow, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func (disk) ReadFile(path string) ([]byte, error) { return os.ReadFile(path) }
func (disk) Rename(from, to string) error         { return os.Rename(from, to) }
func (disk) Link(from, to string) error           { return os.Link(from, to) }
func (disk) Remove(path string) error             { return os.Remove(path) }

func (disk) SyncDir(file string) error { return syncDir(file) }
