package port

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/app"
	"weaver/config"
	"weaver/config/source"
)

var update = flag.Bool("update", false, "write the golden files anew")

const inputs = "../../testdata/port"

func testContext(dir string) Context {
	return Context{Cwd: dir, Env: app.ParseEnviron([]string{"HOME=/home/me", "TAG=v7"}), Host: "box.example.com"}
}

// golden compares with a file, in which the directory of the inputs is $DIR.
func golden(t *testing.T, file, dir, got string) {
	t.Helper()
	got = strings.ReplaceAll(got, dir, "$DIR")
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t, string(want), got, file)
}

func noteLines(list []Note) string {
	var b strings.Builder
	for _, n := range list {
		b.WriteString(n.String() + "\n")
	}
	return b.String()
}

// mustBeValid checks a config by the rules of weaver validate; programs that are not on this machine are no fault of it.
func mustBeValid(t *testing.T, yaml []byte, names []string) config.Loaded {
	t.Helper()
	cc := config.Context{Cwd: t.TempDir(), Stdin: bytes.NewReader(yaml), CPUs: func() int { return 4 }, Node: func() string { return "" }}
	loaded, err := config.Load(t.Context(), cc, "-", config.Flags{})
	require.NoError(t, err, "%s", yaml)
	assert.Empty(t, loaded.Problems, "%s", yaml)
	if names != nil {
		assert.Equal(t, names, loaded.Names())
	}
	return loaded
}

func TestRead(t *testing.T) {
	for _, c := range []struct {
		format string
		files  []string
	}{
		{"procfile", []string{"Procfile"}},
		{"supervisord", []string{"supervisord.conf"}},
		{"systemd", []string{"api.service", "migrate.service", "worker.service"}},
		{"compose", []string{"compose.yaml"}},
	} {
		t.Run(c.format, func(t *testing.T) {
			dir, err := filepath.Abs(filepath.Join(inputs, c.format))
			require.NoError(t, err)
			made, err := Read(testContext(dir), c.format, c.files)
			require.NoError(t, err)
			golden(t, filepath.Join(inputs, c.format+".yaml"), dir, string(made.YAML()))
			golden(t, filepath.Join(inputs, c.format+".notes"), dir, noteLines(made.Notes))
			mustBeValid(t, made.YAML(), made.Names())
		})
	}
}

func TestReadSaysWhere(t *testing.T) {
	for _, c := range []struct{ format, name, text, want string }{
		{"procfile", "Procfile", "web: a\nnothing\n", `Procfile:2: want NAME: COMMAND, not "nothing"`},
		{"procfile", "Procfile", "# nobody\n", "nothing in it can run under weaver"},
		{"supervisord", "s.conf", "command=x\n", "s.conf:1: a key before the first [section]"},
		{"supervisord", "s.conf", "[program:a\n", "s.conf:1: a section has no ]"},
		{"supervisord", "s.conf", "[program:a]\nautostart=true\n", "s.conf:1: a has no command"},
		{"supervisord", "s.conf", "[program:a]\ncommand=x %(ENV_NOT_THERE)s\n", "s.conf:2: a: command: %(ENV_NOT_THERE)s is not known here"},
		{"supervisord", "s.conf", "[program:a]\ncommand=x 100%\n", "s.conf:2: a: command: a % that begins no %(name)s; it is written as %%"},
		{"supervisord", "s.conf", "[program:a]\ncommand=x\nenvironment=A=\"b\n", "s.conf:3: a: environment: a quote is not closed"},
		{"supervisord", "s.conf", "[program:a]\ncommand=x\nnumprocs=99999999\n", `s.conf:3: a: numprocs: "99999999" is no number of processes`},
		{"systemd", "a.service", "[Service]\nExecStart=/bin/a 'b\n", "a.service:2: ExecStart: a quote is not closed"},
		{"systemd", "a.service", "[Service]\nExecStart=/bin/a\nRestartSec=soon\n", `a.service:3: RestartSec: "soon" is no span of time`},
		{"systemd", "a.service", "[Service]\nExecStart=/bin/a\x00b\n", "a.service:2: holds a NUL byte"},
		{"supervisord", "s.conf", "[program:a]\ncommand=x\x00y\n", "s.conf:2: holds a NUL byte"},
		{"compose", "c.yaml", "services: {a: {command: \"x\\0y\"}}\n", "holds a NUL byte"},
		{"systemd", "a.timer", "[Timer]\n", "a.timer: its name does not end in .service"},
		{"systemd", "a.service", "[Unit]\nDescription=x\n", "nothing in it can run under weaver"},
		{"compose", "c.yaml", "services:\n  a: {command: [x\n", "c.yaml:2"},
		{"compose", "c.yaml", "apps: []\n", "c.yaml: has no services"},
		{"compose", "c.yaml", "services: {a: {command: x, environment: {A: '${B:?say it}'}}}\n", "B has to be set: say it"},
		{"compose", "c.yaml", "services: {a: {command: x, depends_on: [b]}}\n", "services.a.depends_on: there is no service b"},
		{"compose", "c.yaml", "services: {a: {image: redis}}\n", "nothing in it can run under weaver"},
	} {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, c.name), []byte(c.text), 0o600))
		_, err := Read(testContext(dir), c.format, []string{c.name})
		assert.ErrorContains(t, err, c.want, "%s: %s", c.format, c.text)
	}
	_, err := Read(testContext(t.TempDir()), "procfile", []string{"Procfile"})
	assert.EqualError(t, err, "read Procfile: no such file or directory")
	_, err = Read(testContext(t.TempDir()), "upstart", []string{"x"})
	assert.EqualError(t, err, `unknown format "upstart"`)
}

// fuzzRead reads what may be anything: it ends, errors are about a place, and what comes of it is a valid config.
func fuzzRead(f *testing.F, format, name string, seeds ...string) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	for _, pattern := range []string{"*", "*/*"} {
		files, _ := filepath.Glob(filepath.Join(inputs, format, pattern))
		for _, path := range files {
			if data, err := os.ReadFile(path); err == nil {
				f.Add(data)
			}
		}
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		r := &reader{Context: Context{Cwd: dir, Host: "box"}}
		in := []file{{path: name, abs: filepath.Join(dir, name), data: data}}
		read := map[string]func(*reader, []file) error{
			"procfile": (*reader).procfiles, "supervisord": (*reader).supervisord, "systemd": (*reader).systemd, "compose": (*reader).compose,
		}[format]
		if bytes.Contains(data, []byte("include")) || bytes.Contains(data, []byte("env_file")) || bytes.Contains(data, []byte("EnvironmentFile")) {
			return // files of this machine
		}
		err := read(r, in)
		if err == nil {
			err = r.finish()
		}
		if err != nil {
			var at *source.Error
			if !errors.As(err, &at) && !strings.Contains(err.Error(), "weaver") && !strings.Contains(err.Error(), "apps: ") {
				t.Fatalf("names no place: %v", err)
			}
			return
		}
		cc := config.Context{Cwd: dir, Stdin: bytes.NewReader(r.YAML()), CPUs: func() int { return 4 }, Node: func() string { return "" }}
		_, err = config.Load(t.Context(), cc, "-", config.Flags{})
		require.NoError(t, err, "%s", r.YAML())
	})
}

func FuzzProcfile(f *testing.F) { fuzzRead(f, "procfile", "Procfile", "web: x\n") }

func FuzzSupervisord(f *testing.F) {
	fuzzRead(f, "supervisord", "s.conf", "[program:a]\ncommand=x %(program_name)09s\nenvironment=A=1,B='2'\n")
}

func FuzzSystemd(f *testing.F) {
	fuzzRead(f, "systemd", "a@b.service", "[Service]\nExecStart=@-/bin/x y $A ${B} %i\nEnvironment=A='b c'\n")
}

func FuzzCompose(f *testing.F) {
	fuzzRead(f, "compose", "compose.yaml", "services: {a: {command: 'x \"y\"', environment: [A=${B:-${C-d}}], restart: always}}\n")
}

func TestAssignments(t *testing.T) {
	got, err := assignments(`A="x,y=z",B='it"s', C=plain/1.2,D="a\\b\",
		E=last`)
	require.NoError(t, err)
	assert.Equal(t, [][2]string{{"A", "x,y=z"}, {"B", `it"s`}, {"C", "plain/1.2"}, {"D", `a\\b\`}, {"E", "last"}}, got)
	for _, text := range []string{"A", "=b", "A='b", "A=b,c"} {
		_, err := assignments(text)
		assert.Error(t, err, text)
	}
}

func TestSpan(t *testing.T) {
	for text, want := range map[string]int{
		"5": 5000, "1min 30s": 90_000, "1m30s": 90_000, "500ms": 500, "1.5": 1500, "2h": 7_200_000, "20us": 1, "0": 0,
	} {
		d, infinite, err := span(text)
		assert.NoError(t, err, text)
		assert.False(t, infinite)
		assert.Equal(t, want, millis(d), text)
	}
	for _, text := range []string{"", "soon", "5 fortnights", "s", "1..2", "-1"} {
		_, _, err := span(text)
		assert.Error(t, err, text)
	}
}

func TestPlainTextsMeanThemselves(t *testing.T) {
	for _, s := range []string{"yes", "no", "y", "On", "off", "010", "1_000"} { // YAML 1.1, which Kubernetes reads
		assert.False(t, plain(s), s)
	}
	for _, s := range []string{"yes", "true", "False", "Null", "No", "1.0", "0x1f", "~", "null", "", " a", "a ", "a: b", "a #b", "- a", "*a", "&a", "1e3", "=", "<<", "12:30", "é", "a\nb", "{", ".inf", "@a", "on", "true "} {
		v, err := config.YAMLToJSON("t", appendYAML(nil, tree{{key: "k", val: s}, {key: "l", val: []any{s}}}, 0))
		require.NoError(t, err, "%q", s)
		got, err := decode(v)
		require.NoError(t, err)
		assert.Equal(t, s, got.(tree).get("k"))
		assert.Equal(t, []any{s}, got.(tree).get("l"))
	}
}
