//go:build unix

package daemon

import (
	"context"
	"io"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/app"
)

// The loop of the daemon looks at config files: one that somebody has replaced with a FIFO does not stop it.
func TestAConfigThatIsAFIFOHoldsNobodyUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.json")
	require.NoError(t, syscall.Mkfifo(path, 0o600))
	source := &app.ConfigSource{File: path, Sum: "former"}
	c := &configs{of: map[string]*watchedConfig{"web": {source: source, sum: source.Sum}}}
	list, _ := c.changed()
	assert.Empty(t, list, "it is looked at twice")
	list, names := c.changed()
	require.Len(t, list, 1)
	assert.Equal(t, []string{"web"}, names)
	assert.ErrorContains(t, (&daemon{}).applyConfig(context.Background(), "web", source, nil), "is no regular file")
}

func TestWhatAFrontEndSaysIsBounded(t *testing.T) {
	var b beginning
	n, err := io.Copy(&b, strings.NewReader(strings.Repeat("x", 100_000)))
	require.NoError(t, err)
	assert.EqualValues(t, 100_000, n)
	assert.Len(t, b.text, beginningMax)
}
