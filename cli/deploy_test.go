package cli

import (
	"encoding/json"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAShellReadsAWordAsItWas(t *testing.T) {
	for _, word := range []string{"", "plain", "a b", "it's", `"$HOME" $(id) \ ;&|`, "új\tline\nend", "--flag", "*?[a]", "a'b'c''"} {
		out, err := exec.Command("sh", "-c", "printf %s "+shellWord(word)).Output()
		require.NoError(t, err)
		assert.Equal(t, word, string(out))
	}
}

func FuzzShellWord(f *testing.F) {
	f.Add("it's")
	f.Fuzz(func(t *testing.T, word string) {
		for _, r := range word {
			if r == 0 {
				return
			}
		}
		out, err := exec.Command("sh", "-c", "printf %s "+shellWord(word)).Output()
		require.NoError(t, err)
		require.Equal(t, word, string(out))
	})
}

func TestADeploySectionInAllItsForms(t *testing.T) {
	var d deployTarget
	require.NoError(t, json.Unmarshal([]byte(`{
		"user": "me", "host": "h", "port": 22, "key": "~/k", "ssh_options": ["A=1", "B=2"], "forward-agent": "yes", "needs_tty": false,
		"repo": "r", "ref": "main", "path": "~/p", "env": {"a": "x y", "n": 3}
	}`), &d))
	one := deployment{c: &call{env: &Env{Environ: []string{"HOME=/home/me"}}}, t: &d}
	assert.Equal(t, []string{"ssh", "-o", "A=1", "-o", "B=2", "-i", "/home/me/k", "-p", "22", "-A", "--", "me@h"}, one.ssh())
	assert.Equal(t, "export A='x y' && export N=3 && ", one.exports())
	assert.Equal(t, `"$HOME"/p/source`, one.path("source"))
	d.Path = "/srv/my app"
	assert.Equal(t, "'/srv/my app/source'", one.path("source"))
}
