//go:build unix

package spawn

import (
	"os/user"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLookupUser(t *testing.T) {
	root, home, err := LookupUser("root")
	require.NoError(t, err)
	assert.Equal(t, "/root", home)
	assert.Zero(t, root.UID)
	assert.Equal(t, uint32(0), root.Groups[0])

	byNumber, home, err := LookupUser("0")
	require.NoError(t, err)
	assert.Equal(t, root, byNumber)
	assert.Equal(t, "/root", home)

	daemon, err := user.LookupGroup("daemon")
	require.NoError(t, err)
	gid, err := strconv.Atoi(daemon.Gid)
	require.NoError(t, err)
	for _, spec := range []string{"root:daemon", "0:" + daemon.Gid} {
		u, _, err := LookupUser(spec)
		require.NoError(t, err)
		assert.Equal(t, uint32(gid), u.GID)
		assert.Equal(t, uint32(gid), u.Groups[0])
		assert.Zero(t, u.UID)
	}

	free, home, err := LookupUser("4242424")
	require.NoError(t, err)
	assert.Equal(t, User{UID: 4242424, GID: 4242424, Groups: []uint32{4242424}}, free)
	assert.Equal(t, "/", home)

	for spec, want := range map[string]string{
		"no-such": `unknown user "no-such"`, "": `unknown user ""`, "-1": `unknown user "-1"`, "4294967295": `unknown user "4294967295"`,
		"root:no-such": `unknown group "no-such"`, "root:": `unknown group ""`, "root:4294967295": `unknown group "4294967295"`,
	} {
		_, _, err := LookupUser(spec)
		assert.EqualError(t, err, want)
	}
}

func TestParseSignal(t *testing.T) {
	for text, want := range map[string]syscall.Signal{
		"SIGUSR2": syscall.SIGUSR2, "usr2": syscall.SIGUSR2, "sigterm": syscall.SIGTERM, "9": syscall.SIGKILL, " Int ": syscall.SIGINT, "1": syscall.SIGHUP, "64": 64,
	} {
		got, err := ParseSignal(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "SIG", "0", "-9", "65", "SIGSIGTERM", "TERMINATE", "9x"} {
		_, err := ParseSignal(text)
		assert.EqualError(t, err, "unknown signal "+strconv.Quote(text))
	}
	assert.Equal(t, "killed by SIGTERM", Exit{Signal: syscall.SIGTERM}.String())
	assert.Equal(t, "killed by signal 35", Exit{Signal: 35}.String())
	assert.Equal(t, "exit code 3", Exit{Code: 3}.String())
	assert.Equal(t, "exit status lost", Exit{Lost: true}.String())
}

func FuzzParseSignal(f *testing.F) {
	f.Add("SIGTERM")
	f.Add("12")
	f.Fuzz(func(t *testing.T, text string) {
		if sig, err := ParseSignal(text); err == nil && (sig < 1 || sig > maxSignal) {
			t.Fatalf("%q is signal %d", text, sig)
		}
	})
}
