package supervisor

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/app"
)

func TestSecretsAreResolvedInPlace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	require.NoError(t, os.WriteFile(path, []byte("hunter2\n"), 0o600))
	t.Setenv("WEAVER_TEST_VAULT", "from the supervisor")
	env := app.Env{{Name: "A", Value: "plain"}, {Name: "B", Value: "secret://file" + path}, {Name: "C", Value: "secret://env/WEAVER_TEST_VAULT"}}
	require.NoError(t, resolveSecrets(env))
	assert.Equal(t, app.Env{{Name: "A", Value: "plain"}, {Name: "B", Value: "hunter2"}, {Name: "C", Value: "from the supervisor"}}, env)
}

// What a reference names is in the environment of who starts the app, too, and must not be saved from there.
func TestWhatIsReferredToIsAReference(t *testing.T) {
	env := app.Env{{Name: "VAULT", Value: "hunter2"}, {Name: "A", Value: "hunter3"}, {Name: "TOKEN", Value: "secret://env/VAULT"}, {Name: "NONE", Value: "secret://env/NOBODY"}}
	assert.Equal(t, app.Env{{Name: "VAULT", Value: "secret://env/VAULT"}, env[1], env[2], env[3]}, referred(env))
	assert.Equal(t, "hunter2", env[0].Value, "it is the caller's")
	plain := app.Env{{Name: "A", Value: "1"}}
	assert.Same(t, &plain[0], &referred(plain)[0])
	assert.Empty(t, referred(nil))

	t.Setenv("VAULT", "hunter2")
	assert.Equal(t, "hunter2", revealed(env)[2].Value)
	assert.Equal(t, "secret://env/NOBODY", revealed(env)[3].Value)
}

func TestSecretsThatAreNotThereFailTheLaunch(t *testing.T) {
	dir := t.TempDir()
	big := filepath.Join(dir, "big")
	require.NoError(t, os.WriteFile(big, make([]byte, maxSecret+1), 0o600))
	for ref, want := range map[string]string{
		"secret://file" + dir + "/none":   "no such file",
		"secret://file" + dir:             "no regular file",
		"secret://file" + big:             "at most",
		"secret://env/WEAVER_TEST_NOBODY": "no variable WEAVER_TEST_NOBODY",
		"secret://vault/x":                "not a reference",
	} {
		err := resolveSecrets(app.Env{{Name: "TOKEN", Value: ref}})
		require.ErrorContains(t, err, want, ref)
		assert.ErrorContains(t, err, "TOKEN")
	}
}
