package boot

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func unit() Unit {
	return Unit{
		Program: "weaver", Weaver: "/usr/local/bin/weaver", User: "deploy", UserDir: "/home/deploy", Home: "/home/deploy/.weaver",
		Path: "/usr/local/bin:/usr/bin:/bin",
	}
}

// TestWhatInitSystemsGet compares with what was looked at once. UPDATE_GOLDEN=1 writes it anew.
func TestWhatInitSystemsGet(t *testing.T) {
	for _, name := range Names() {
		in, err := Plan(name, unit())
		require.NoError(t, err, name)
		var b strings.Builder
		for _, f := range in.Files {
			mode := ""
			if f.Executable {
				mode = " (executable)"
			}
			b.WriteString("== " + f.Path + mode + "\n" + f.Text)
		}
		for _, list := range []struct {
			title string
			lines [][]string
		}{{"enable", in.Enable}, {"disable", in.Disable}, {"verify", in.Verify}} {
			b.WriteString("== " + list.title + "\n")
			for _, l := range list.lines {
				b.WriteString(strings.Join(l, " ") + "\n")
			}
		}
		path := filepath.Join("testdata", name+".golden")
		if os.Getenv("UPDATE_GOLDEN") == "1" {
			require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o644))
		}
		want, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, string(want), b.String(), name)
		assert.NotRegexp(t, `\{(program|weaver|name|user|userdir|home|variable|path|rcname|label|after|wants|account|target)\}`, b.String())
	}
}

func TestShellsAndSystemdTakeThem(t *testing.T) {
	dir := t.TempDir()
	u := unit()
	u.User, u.Weaver = "root", "/bin/true" // systemd looks whether it is there
	for _, name := range Names() {
		in, err := Plan(name, u)
		require.NoError(t, err)
		for _, f := range in.Files {
			path := filepath.Join(dir, filepath.Base(f.Path))
			require.NoError(t, os.WriteFile(path, []byte(f.Text), 0o755))
			if strings.HasPrefix(f.Text, "#!") && !strings.Contains(f.Text[:12], "ksh") {
				out, err := exec.Command("sh", "-n", path).CombinedOutput()
				assert.NoError(t, err, "%s: %s", f.Path, out)
			}
			if !strings.HasSuffix(path, ".service") {
				continue
			}
			analyze, err := exec.LookPath("systemd-analyze")
			if err != nil {
				t.Log("systemd-analyze is missing: the unit is not verified")
				continue
			}
			args := []string{"verify", path}
			if name == "systemd-user" {
				args = []string{"--user", "verify", path}
			}
			out, err := exec.Command(analyze, args...).CombinedOutput()
			said := string(out)
			if strings.Contains(said, "Failed to initialize manager") || strings.Contains(said, "XDG_RUNTIME_DIR") {
				continue // no user's manager here
			}
			assert.NoError(t, err, "%s: %s", name, said)
			assert.NotContains(t, said, filepath.Base(path)+":", "warnings about it")
		}
	}
}

func TestSynonymsAndDetection(t *testing.T) {
	for word, want := range map[string]string{"ubuntu": "systemd", "darwin": "launchd", "amazon": "systemv", "ubuntu14": "upstart"} {
		in, err := Plan(word, unit())
		require.NoError(t, err)
		assert.Equal(t, want, in.System)
	}
	_, err := Plan("nope", unit())
	assert.ErrorContains(t, err, `unknown platform "nope": there are systemd, upstart,`)
	name, ok := Detect(func(p string) bool { return p == "rc-update" || p == "s6-svscan" })
	assert.True(t, ok)
	assert.Equal(t, "openrc", name)
	_, ok = Detect(func(string) bool { return false })
	assert.False(t, ok)
}

func TestNothingBreaksOutOfAServiceFile(t *testing.T) {
	for _, change := range []func(*Unit){
		func(u *Unit) { u.Home = "/x\nExecStart=/bin/evil" },
		func(u *Unit) { u.User = `a"; rm -rf /` },
		func(u *Unit) { u.Name = "$(id)" },
		func(u *Unit) { u.Path = "/bin:`id`" },
		func(u *Unit) { u.Weaver = "" },
	} {
		u := unit()
		change(&u)
		_, err := Plan("systemd", u)
		assert.ErrorContains(t, err, "cannot stand in a service file")
	}
}
