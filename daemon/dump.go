package daemon

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"weaver/app"
	"weaver/config/home"
	"weaver/pm2"
)

// dump is the list that `save` writes and `resurrect` reads: PM2's file, readable by PM2, with its checksum in a file
// beside it, since JSON has no place for one.
type dump struct {
	mu   sync.Mutex
	file generations
	env  pm2.EnvOptions
}

func newDump(h home.Home, env pm2.EnvOptions) *dump {
	path := h.Dump()
	return &dump{file: generations{path: path, old: []string{path + ".bak", path + ".bak2", path + ".bak3"}, fs: disk{}}, env: env}
}

// save makes list the saved one.
func (d *dump) save(list []app.Process) error {
	list = slices.Clone(list)
	for i := range list {
		if list[i].OnDemand { // stopped, and meant to be there: what is stopped in a dump stays so
			list[i].Status = app.Online
		}
	}
	data, err := pm2.WriteDump(list, d.env)
	if err != nil {
		return fmt.Errorf("encode the list of processes: %w", err)
	}
	return d.write(data)
}

// clear makes the saved list empty. The one before is kept as the previous generation.
func (d *dump) clear() error { return d.write([]byte("[]")) }

// createEmpty saves an empty list if nothing was ever saved.
func (d *dump) createEmpty() error {
	if _, err := os.Lstat(d.file.path); !isMissing(err) {
		return err
	}
	return d.clear()
}

func (d *dump) write(data []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.file.write(data); err != nil {
		return err
	}
	info, err := os.Stat(d.file.path)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(data)
	line := "sha256:" + hex.EncodeToString(sum[:]) + " " + strconv.FormatInt(info.ModTime().UnixNano(), 10) + "\n"
	return disk{}.WriteSync(d.sumFile(), []byte(line))
}

func (d *dump) sumFile() string { return d.file.path + ".sum" }

// load returns the newest saved list that can be read, and the file it is from; "" if there is none. The error says what
// is wrong with newer ones, or that the file was changed by somebody else, which is fine if it can be read.
func (d *dump) load() (records []pm2.Record, from string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var note error
	newest := true
	from, err = d.file.read(func(data []byte) error {
		if newest {
			newest = false
			var corrupt bool
			if corrupt, note = d.verify(data); corrupt {
				return note
			}
		}
		var err error
		records, err = pm2.ReadDump(data)
		return err
	})
	switch {
	case from == "" && err != nil:
		return nil, "", err
	case err != nil:
		return records, from, fmt.Errorf("%w; using %s instead", err, from)
	}
	return records, from, note
}

// verify compares the newest dump with its checksum. A mismatch is corruption if nobody wrote the file since; else
// somebody edited it, or PM2 wrote it.
func (d *dump) verify(data []byte) (corrupt bool, err error) {
	line, err := os.ReadFile(d.sumFile())
	if err != nil {
		return false, nil //nolint:nilerr // a dump of PM2 has none
	}
	want, when, _ := strings.Cut(strings.TrimSpace(string(line)), " ")
	sum := sha256.Sum256(data)
	if "sha256:"+hex.EncodeToString(sum[:]) == want {
		return false, nil
	}
	info, err := os.Stat(d.file.path)
	if err != nil {
		return false, err
	}
	if strconv.FormatInt(info.ModTime().UnixNano(), 10) == when {
		return true, errors.New("corrupt: the checksum does not match, though nobody wrote the file since it was saved")
	}
	return false, fmt.Errorf("%s was changed by another program %s ago", d.file.path, time.Since(info.ModTime()).Round(time.Second))
}
