//go:build unix

package supervisor

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDataThatIsNoFile(t *testing.T) {
	d := newDataTest(t, "data.json")
	require.NoError(t, os.Mkdir(d.path, 0o700))
	require.EqualError(t, d.look(), "data file "+d.path+" is a directory")
	require.NoError(t, os.Remove(d.path))
	require.NoError(t, syscall.Mkfifo(d.path, 0o600))
	require.EqualError(t, d.look(), "data file "+d.path+" is no regular file", "nobody waits for a writer")
}

func TestRestoredDataHasTheOwnerItHad(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root gives files away")
	}
	d := newDataTest(t, "data.json")
	d.put("", "{oops")
	d.put(".backup", "{}")
	require.NoError(t, os.Chown(d.path, 65534, 65534))
	d.data.Restore = true
	require.NoError(t, d.look())
	info, err := os.Stat(d.path)
	require.NoError(t, err)
	assert.Equal(t, uint32(65534), info.Sys().(*syscall.Stat_t).Uid)
}

// sql has the program sqlite3 do something, or skips the test.
func (d *dataTest) sql(path string, words ...string) string {
	d.t.Helper()
	tool, err := exec.LookPath("sqlite3")
	if err != nil {
		d.t.Skip("sqlite3 is not installed")
	}
	cmd := exec.Command(tool, "-batch", "-init", "/dev/null", path)
	cmd.Stdin = strings.NewReader(strings.Join(words, "\n") + "\n")
	out, err := cmd.CombinedOutput()
	require.NoError(d.t, err, string(out))
	return strings.TrimSpace(string(out))
}

// only returns a directory for PATH in which a program is found, and no other.
func only(t *testing.T, tool string) string {
	t.Helper()
	path, err := exec.LookPath(tool)
	if err != nil {
		t.Skip(err)
	}
	if tool == "python3" { // it may be a script that looks for the real one
		out, err := exec.Command(path, "-c", "import sys, sqlite3; print(sys.executable)").Output()
		if err != nil {
			t.Skip("python3 without SQLite: ", err)
		}
		path = strings.TrimSpace(string(out))
	}
	bin := t.TempDir()
	require.NoError(t, os.Symlink(path, filepath.Join(bin, tool)))
	return bin
}

// fill makes a database of many pages.
func (d *dataTest) fill(path string) {
	d.t.Helper()
	d.sql(path, "create table t(n, x);",
		"with recursive c(n) as (select 1 union all select n+1 from c where n < 400) insert into t select n, randomblob(500) from c;")
}

// spoil overwrites pages in the middle.
func (d *dataTest) spoil() {
	d.t.Helper()
	f, err := os.OpenFile(d.path, os.O_WRONLY, 0)
	require.NoError(d.t, err)
	_, err = f.WriteAt(make([]byte, 20_000), 8192)
	require.NoError(d.t, err)
	require.NoError(d.t, f.Close())
}

func TestADatabaseThatIsCorruptIsRestored(t *testing.T) {
	for _, tool := range []string{"sqlite3", "python3"} {
		t.Run(tool, func(t *testing.T) {
			d := newDataTest(t, "data.db")
			d.fill(d.path)
			was, bin := os.Getenv("PATH"), only(t, tool)
			t.Setenv("PATH", bin)
			require.NoError(t, d.look())
			require.NoError(t, os.WriteFile(d.path+".backup", []byte(d.get("")), 0o600))
			d.spoil()
			err := d.look()
			require.ErrorAs(t, err, new(*corruptError))
			t.Log(err)
			assert.NotContains(t, err.Error(), "***")
			assert.NotContains(t, err.Error(), "sqlite3.")
			d.data.Restore = true
			require.NoError(t, d.look())
			t.Setenv("PATH", was)
			assert.Equal(t, "400", d.sql(d.path, "select count(*) from t where length(x) = 500;"))

			// Cut off, and no longer a database at all.
			d.data.Restore = false
			t.Setenv("PATH", bin)
			require.NoError(t, os.Truncate(d.path, 9000))
			require.ErrorAs(t, d.look(), new(*corruptError))
			require.NoError(t, os.WriteFile(d.path, []byte(sqliteHeader+strings.Repeat("x", 4096)), 0o600))
			require.ErrorAs(t, d.look(), new(*corruptError))
		})
	}
}

// What a power cut leaves behind is no corruption: SQLite rolls it back. A backup in its place would lose data.
func TestATransactionThatWasCutOffIsNoCorruption(t *testing.T) {
	d := newDataTest(t, "data.db")
	origin := d.path + ".origin"
	d.fill(origin)
	d.sql(origin, "pragma cache_size = 5;", "begin;", "update t set x = randomblob(499);",
		".shell cp "+origin+" "+d.path, ".shell cp "+origin+"-journal "+d.path+"-journal", "rollback;")
	require.NotEmpty(t, d.get("-journal"))
	d.put(".backup", "no database")
	d.data.Restore = true
	require.NoError(t, d.look())
	assert.Equal(t, "400", d.sql(d.path, "select count(*) from t where length(x) = 500;"))
	assert.Empty(t, d.said)
}

func TestALockedDatabaseIsNotCorrupt(t *testing.T) {
	for _, tool := range []string{"sqlite3", "python3"} {
		t.Run(tool, func(t *testing.T) {
			d := newDataTest(t, "data.db")
			d.fill(d.path)
			bin := only(t, tool)
			holder := exec.Command("sqlite3", "-batch", "-init", "/dev/null", d.path)
			in, err := holder.StdinPipe()
			require.NoError(t, err)
			out, err := holder.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, holder.Start())
			t.Cleanup(func() {
				in.Close()
				_ = holder.Wait()
			})
			_, err = io.WriteString(in, "begin exclusive;\nselect 'mine';\n")
			require.NoError(t, err)
			said, err := bufio.NewReader(out).ReadString('\n')
			require.NoError(t, err)
			require.Equal(t, "mine\n", said)

			t.Setenv("PATH", bin)
			d.put(".backup", "no database")
			d.data.Restore = true
			err = d.look()
			require.ErrorContains(t, err, "check the SQLite database "+d.path+": ")
			require.ErrorContains(t, err, "locked")
			assert.NotErrorAs(t, err, new(*corruptError))
		})
	}
}

func TestWhereNothingCanCheckADatabase(t *testing.T) {
	d := newDataTest(t, "data.sqlite")
	d.put("", sqliteHeader+"and so on")
	t.Setenv("PATH", t.TempDir())
	require.EqualError(t, d.look(), "check the SQLite database "+d.path+": the program sqlite3 is not installed (Debian: apt-get install sqlite3), nor is python3")
}
