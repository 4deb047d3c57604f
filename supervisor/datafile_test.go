package supervisor

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/app"
)

// dataTest is a data file, and what was said of it.
type dataTest struct {
	t    *testing.T
	path string
	data app.DataFile
	said []string
	user int
}

func newDataTest(t *testing.T, name string) *dataTest {
	path := filepath.Join(t.TempDir(), name)
	return &dataTest{t: t, path: path, data: app.DataFile{Path: path}}
}

func (d *dataTest) put(name, text string) {
	d.t.Helper()
	require.NoError(d.t, os.WriteFile(d.path+name, []byte(text), 0o640))
}

func (d *dataTest) get(name string) string {
	d.t.Helper()
	text, err := os.ReadFile(d.path + name)
	require.NoError(d.t, err)
	return string(text)
}

// aside is the name of the corrupt one.
func (d *dataTest) aside() string {
	d.t.Helper()
	names, err := filepath.Glob(d.path + ".corrupt-*[0-9]")
	require.NoError(d.t, err)
	require.Len(d.t, names, 1)
	return names[0]
}

func (d *dataTest) look() error {
	l := dataLook{
		spec: &app.Spec{Data: &d.data}, path: d.path, patience: 50 * time.Millisecond,
		say: func(text string) { d.said = append(d.said, text) }, user: func() int { return d.user },
	}
	return l.look(d.t.Context())
}

func TestJSONDocumentsAreRead(t *testing.T) {
	for text, want := range map[string]string{
		`{"a": [1, 2.5e3, null, {"b": "c"}]}`: "", `[]`: "", "\n 17 \n": "", `"x"`: "",
		"":                        "line 1: it ends too early",
		"{\n\"a\": [1,\n 2":       "line 3: it ends too early",
		"{\n\"a\":\n oops}":       "line 3: invalid character 'o'",
		"{\"a\": 1}\n\n{}":        "line 3: more follows after the end of the document",
		"[1,\n]":                  "line 2: invalid character ']'",
		"{\"a\": 1,\n\n}":         "line 3: invalid character '}'",
		"[1}":                     "line 1: invalid character '}'",
		"[\"a\nb\"]":              "invalid character '\\n' in string literal",
		strings.Repeat("\x00", 9): "line 1: invalid character '\\x00'",
	} {
		err := checkJSON("f", strings.NewReader(text))
		if want == "" {
			require.NoError(t, err, text)
			continue
		}
		require.ErrorAs(t, err, new(*corruptError), text)
		require.ErrorContains(t, err, want, text)
	}
	long := "[" + strings.Repeat("1,\n", 300_000) + "x]"
	require.ErrorContains(t, checkJSON("f", strings.NewReader(long)), "line 300001: invalid character 'x'")
}

func FuzzJSONDocuments(f *testing.F) {
	for _, text := range []string{`{"a": [1, {}]}`, "[1,]", "{} {}", "1 ", `"\u00`, "[1}", "{\"a\" 1}", "nul"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if got, want := checkJSON("f", strings.NewReader(text)) == nil, json.Valid([]byte(text)); got != want {
			t.Fatalf("%q: %v, not %v", text, got, want)
		}
	})
}

func TestDataIsRestoredWhole(t *testing.T) {
	d := newDataTest(t, "data.json")
	d.put("", "{oops")
	d.put("-wal", "of the corrupt one")
	require.NoError(t, os.Chmod(d.path, 0o604))
	require.ErrorContains(t, d.look(), "corrupt data file "+d.path+": line 1: ")
	d.data.Restore = true
	require.ErrorContains(t, d.look(), "and there is no backup "+d.path+".backup")
	d.put(".backup", "[1")
	require.ErrorContains(t, d.look(), "and so is its backup: corrupt data file "+d.path+".backup: line 1: it ends too early")
	d.put(".backup", `{"is": "sound"}`)
	d.user = 17
	require.ErrorContains(t, d.look(), "it is not restored while pid 17 works with it")
	assert.Equal(t, "{oops", d.get(""))
	assert.Empty(t, d.said)

	d.user = 0
	require.NoError(t, d.look())
	assert.Equal(t, `{"is": "sound"}`, d.get(""))
	aside := strings.TrimPrefix(d.aside(), d.path)
	assert.Equal(t, "{oops", d.get(aside))
	assert.Equal(t, "of the corrupt one", d.get(aside+"-wal"))
	assert.NoFileExists(t, d.path+"-wal", "it would be played into the restored one")
	assert.NoFileExists(t, d.path+".weaver-new")
	info, err := os.Stat(d.path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o604), info.Mode().Perm(), "who may read it may still")
	require.Len(t, d.said, 1)
	assert.Contains(t, d.said[0], "; it is restored from "+d.path+".backup, and the corrupt one kept as "+d.path+aside)
	require.NoError(t, d.look())
	assert.Len(t, d.said, 1)
}

func TestDataThatALinkLeadsTo(t *testing.T) {
	d := newDataTest(t, "data.json")
	real := filepath.Join(t.TempDir(), "real.json")
	require.NoError(t, os.WriteFile(real, []byte("no"), 0o600))
	require.NoError(t, os.Symlink(real, d.path))
	d.put(".backup", "{}")
	d.data.Restore = true
	require.NoError(t, d.look())
	to, err := os.Readlink(d.path)
	require.NoError(t, err)
	assert.Equal(t, real, to)
	text, err := os.ReadFile(real)
	require.NoError(t, err)
	assert.Equal(t, "{}", string(text))
}

func TestDataThatIsMissing(t *testing.T) {
	d := newDataTest(t, "data.json")
	require.EqualError(t, d.look(), "data file "+d.path+" is missing")
	d.put(".backup", "[2]")
	require.EqualError(t, d.look(), "data file "+d.path+" is missing, though there is "+d.path+".backup")
	d.data.Create = true
	require.NoError(t, d.look())
	assert.Equal(t, "{}\n", d.get(""))
	assert.Equal(t, []string{"data file " + d.path + " was missing, and is created empty"}, d.said)

	require.NoError(t, os.Remove(d.path))
	d.data.Restore = true
	require.NoError(t, d.look())
	assert.Equal(t, "[2]", d.get(""), "what there was is better than nothing")
	require.NoError(t, os.Remove(d.path))
	require.NoError(t, os.Remove(d.path+".backup"))
	require.NoError(t, d.look())
	assert.Equal(t, "{}\n", d.get(""))

	db := newDataTest(t, "data.db")
	db.data.Create = true
	require.NoError(t, db.look())
	assert.Empty(t, db.get(""))
	require.NoError(t, db.look(), "SQLite takes it for a new database")
	db.put("", `{"a": 1}`)
	require.NoError(t, db.look(), "some keep JSON in .db")
	db.put("", "anything")
	require.ErrorContains(t, db.look(), "corrupt data file "+db.path+": it is no SQLite database")
}
