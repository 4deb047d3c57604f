package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"weaver/app"
	"weaver/config/home"

	"weaver/config/source"
)

// Settings are the choices for one home, kept in its settings.json. The zero value is not usable; see DefaultSettings.
type Settings struct {
	Cache struct {
		Enabled    bool
		MetricsTTL time.Duration
		StatusTTL  time.Duration
		MaxEntries int
	}
	Lock struct {
		Enabled bool
		Timeout time.Duration // of waiting for one
	}
	Log struct {
		MaxSize     app.Bytes     // a log file is rotated when it is larger; 0 is never
		MaxAge      time.Duration // or older; 0 is never
		Keep        int           // rotated files per log
		Compress    bool
		TotalBudget app.Bytes // of all logs of the home; 0 is no limit
		DateFormat  string    // in the names of rotated files; "" is pm2-logrotate's
		RotateAt    string    // a schedule at which all are rotated; "" is none
	}
	Metrics struct {
		Listen string // address on which /metrics is served by TCP; "" is not at all
	}
	// Socket are the groups whose members may use the daemon beside its owner, comma separated: names or numbers. "" is nobody.
	Socket struct {
		Read, Operate, Admin string
	}
	// given is what somebody set, by name, as it was written. Names that are not weaver's own are kept for others.
	given map[string]string
}

// setting is one name with its default and its field.
type setting struct {
	name, standard string
	field          func(*Settings) any
}

var settings = [...]setting{
	{"cache.enabled", "true", func(s *Settings) any { return &s.Cache.Enabled }},
	{"cache.metrics_ttl", "1s", func(s *Settings) any { return &s.Cache.MetricsTTL }},
	{"cache.status_ttl", "500ms", func(s *Settings) any { return &s.Cache.StatusTTL }},
	{"cache.max_entries", "100000", func(s *Settings) any { return &s.Cache.MaxEntries }},
	{"lock.enabled", "true", func(s *Settings) any { return &s.Lock.Enabled }},
	{"lock.timeout", "10s", func(s *Settings) any { return &s.Lock.Timeout }},
	{"log.max_size", "10M", func(s *Settings) any { return &s.Log.MaxSize }},
	{"log.max_age", "0s", func(s *Settings) any { return &s.Log.MaxAge }},
	{"log.keep", "30", func(s *Settings) any { return &s.Log.Keep }},
	{"log.compress", "false", func(s *Settings) any { return &s.Log.Compress }},
	{"log.date_format", "", func(s *Settings) any { return &s.Log.DateFormat }},
	{"log.rotate_at", "", func(s *Settings) any { return &s.Log.RotateAt }},
	{"metrics.listen", "", func(s *Settings) any { return &s.Metrics.Listen }},
	{"socket.read", "", func(s *Settings) any { return &s.Socket.Read }},
	{"socket.operate", "", func(s *Settings) any { return &s.Socket.Operate }},
	{"socket.admin", "", func(s *Settings) any { return &s.Socket.Admin }},
	{"log.total_budget", "1G", func(s *Settings) any { return &s.Log.TotalBudget }},
}

// DefaultSettings returns the settings of a home where nobody set anything.
func DefaultSettings() Settings {
	s := Settings{given: map[string]string{}}
	for i := range settings {
		if err := settings[i].put(&s, settings[i].standard); err != nil {
			panic("internal: " + err.Error())
		}
	}
	return s
}

// Set gives name a value. Some names are weaver's own (OwnSetting): an unknown one, or a value that
// cannot be read, is an error and changes nothing. Other names are kept as they are.
func (s *Settings) Set(name, value string) error {
	if err := s.set(name, value); err != nil {
		return fmt.Errorf("set %s: %w", clip(name), err)
	}
	return nil
}

func (s *Settings) set(name, value string) error {
	if name == "" || len(name) > 255 || len(value) > 64<<10 || strings.ContainsAny(name, "\x00\n\r") {
		return errors.New("not a name of at most 255 bytes with a value of at most 64 KB")
	}
	one := find(name)
	if one == nil && isOwn(name) {
		err := saidf("unknown setting")
		if near := Nearest(name, SettingNames()); near != "" {
			return fmt.Errorf("%w, did you mean %s?", err, near)
		}
		return err
	}
	if one != nil {
		if err := one.put(s, value); err != nil {
			return err
		}
	}
	s.given = maps.Clone(s.given)
	if s.given == nil {
		s.given = map[string]string{}
	}
	s.given[name] = value
	return nil
}

// Unset takes a value back and reports whether there was one.
func (s *Settings) Unset(name string) bool {
	_, had := s.given[name]
	s.given = maps.Clone(s.given)
	delete(s.given, name)
	if one := find(name); one != nil {
		if err := one.put(s, one.standard); err != nil {
			panic("internal: " + err.Error())
		}
	}
	return had
}

// Get returns the value in force, as text.
func (s *Settings) Get(name string) (string, bool) {
	if v, ok := s.given[name]; ok {
		return v, true
	}
	if one := find(name); one != nil {
		return one.standard, true
	}
	return "", false
}

// Given returns what somebody set, by name. The map is the caller's.
func (s *Settings) Given() map[string]string { return maps.Clone(s.given) }

// SettingNames are the names that weaver knows, in order.
func SettingNames() []string {
	names := make([]string, len(settings))
	for i := range settings {
		names[i] = settings[i].name
	}
	return names
}

func find(name string) *setting {
	for i := range settings {
		if settings[i].name == name {
			return &settings[i]
		}
	}
	return nil
}

// OwnSetting reports a setting of weaver itself: all of the sections cache, lock and log, metrics.listen and the three roles
// at the socket. Other settings belong to apps and modules, which may be called metrics or socket.
func OwnSetting(section, key string) bool {
	return section == "cache" || section == "lock" || section == "log" || section == "metrics" && key == "listen" ||
		section == "socket" && (key == "read" || key == "operate" || key == "admin")
}

func isOwn(name string) bool {
	section, key, ok := strings.Cut(name, ".")
	return ok && OwnSetting(section, key)
}

// put reads value into the setting's field. Nothing of weaver's counts below zero.
func (one *setting) put(s *Settings, value string) error {
	value = strings.TrimSpace(value)
	switch field := one.field(s).(type) {
	case *string:
		if one.name == "log.rotate_at" && value != "" {
			if err := CheckCron(value); err != nil {
				return err
			}
		}
		if one.name == "log.date_format" && strings.ContainsAny(value, "/\x00\n") {
			return fmt.Errorf("%q cannot stand in the name of a file", clip(value))
		}
		if one.name == "metrics.listen" {
			address, err := listenAddress(value)
			if err != nil {
				return err
			}
			value = address
		}
		*field = value
	case *bool:
		switch strings.ToLower(value) {
		case "true", "on", "yes", "1":
			*field = true
		case "false", "off", "no", "0":
			*field = false
		default:
			return fmt.Errorf("%q is neither true nor false", clip(value))
		}
	case *int:
		n, err := strconv.ParseInt(value, 10, 32)
		if err != nil || n < 0 {
			return fmt.Errorf("%q is no whole number from 0", clip(value))
		}
		*field = int(n)
	case *time.Duration:
		d, err := app.ParseDuration(value)
		if err != nil || d < 0 {
			return fmt.Errorf("%q is no duration like 500ms or 10s", clip(value))
		}
		*field = d.D()
	case *app.Bytes:
		n, err := app.ParseBytes(value)
		if err != nil {
			return fmt.Errorf("%q is no size like 512K, 10M or 1G", clip(value))
		}
		*field = n
	}
	return nil
}

// listenAddress is HOST:PORT, or a port alone, which is of this machine only.
func listenAddress(value string) (string, error) {
	if value == "" {
		return "", nil
	}
	if !strings.Contains(value, ":") {
		value = "127.0.0.1:" + value
	}
	_, port, err := net.SplitHostPort(value)
	if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n == 0 {
		return "", fmt.Errorf("%q is neither a port nor HOST:PORT", clip(value))
	}
	return value, nil
}

// LoadSettings reads the settings of a home. A missing file is none set. Settings are usable whatever the error:
// what could not be read has its default.
func LoadSettings(h home.Home) (Settings, error) {
	s := DefaultSettings()
	data, err := source.Read(h.Settings())
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, fmt.Errorf("read settings: %w", err)
	}
	tree, err := parseJSONish(h.Settings(), data)
	if err != nil {
		return s, fmt.Errorf("read settings: %w", err)
	}
	o, ok := tree.(object)
	if !ok {
		return s, fmt.Errorf("read settings: %s: want an object", h.Settings())
	}
	var faults []error
	for _, m := range o {
		if err := s.Set(m.key, text(m.val)); err != nil {
			faults = append(faults, fmt.Errorf("read settings: %s: %w", h.Settings(), err))
		}
	}
	return s, errors.Join(faults...)
}

// SaveSettings writes what was set, atomically: a reader, or a power cut, sees the old file or the new one.
func SaveSettings(h home.Home, s Settings) error {
	var o object
	for _, name := range slices.Sorted(maps.Keys(s.given)) {
		o = append(o, member{name, s.given[name]})
	}
	data, err := json.MarshalIndent(o, "", "  ")
	if err != nil {
		return fmt.Errorf("write settings: %w", err)
	}
	if err := replace(h.Settings(), append(data, '\n')); err != nil {
		return fmt.Errorf("write settings: %w", err)
	}
	return nil
}

// replace puts data in the place of the file at path.
func replace(path string, data []byte) (err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".settings-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}
