package config

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"weaver/app"
	"weaver/config/home"
)

func TestServiceFileIsFoundByNameAndFlagsWin(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "app.sh"), []byte("sleep 1"), 0o600))
	write := func(name, text string) string {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
		return name
	}
	c := Context{Cwd: dir, Home: home.Home{Dir: dir}, Env: app.Env{{Name: "PATH", Value: "/usr/bin:/bin"}}}
	two := write("two.conf", `{"apps": [{"name": "a", "script": "app.sh", "env": {"X": "1", "Y": "1"}, "port": 80}, {"name": "b", "script": "app.sh"}]}`)
	s, problems, err := ServiceFile(t.Context(), c, two, "a", Flags{Vars: []string{"X=2"}, Port: "81"})
	require.NoError(t, err)
	require.Empty(t, problems)
	require.Equal(t, "a", s.Name)
	x, _ := s.Env.Get("X")
	y, _ := s.Env.Get("Y")
	port, _ := s.Env.Get("PORT")
	require.Equal(t, []string{"2", "1", "81"}, []string{x, y, port})

	_, _, err = ServiceFile(t.Context(), c, two, "c", Flags{})
	require.ErrorContains(t, err, "2 services, and none is called c")
	s, _, err = ServiceFile(t.Context(), c, write("one.json", `{"name": "other", "script": "app.sh"}`), "mine", Flags{})
	require.NoError(t, err)
	require.Equal(t, "mine", s.Name)
	_, _, err = ServiceFile(t.Context(), c, write("none.json", "\n  {}"), "mine", Flags{})
	require.EqualError(t, err, "none.json:2:3: missing required field: script")
	_, _, err = ServiceFile(t.Context(), c, write("bad.json", "{\n oops}"), "mine", Flags{})
	require.ErrorContains(t, err, "invalid configuration: bad.json:2:")
}

func TestVars(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "x.env"), []byte("# c\n\nexport A=1 # no\nB=\"two\\nlines\"\nC='it # is'\nD=\n"), 0o600))
	c := Context{Cwd: dir}
	got, err := Vars(c, []string{"Z=a=b", "x.env"})
	require.NoError(t, err)
	require.Equal(t, []string{"Z=a=b", "A=1", "B=two\nlines", "C=it # is", "D="}, got)
	_, err = Vars(c, []string{"nothing"})
	require.ErrorContains(t, err, "neither KEY=VALUE nor a file")
	_, err = Vars(c, []string{"=x"})
	require.Error(t, err)
}

func FuzzEnvFile(f *testing.F) {
	f.Add("A=1\nexport B='x'\n#c\n")
	f.Fuzz(func(t *testing.T, text string) {
		lines, err := envFile("f", text)
		if err == nil {
			for _, l := range lines {
				if l == "" || l[0] == '=' {
					t.Fatalf("%q", l)
				}
			}
		}
	})
}
