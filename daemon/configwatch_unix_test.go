//go:build unix

package daemon

import (
	"context"
	"io"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/api"
	"weaver/app"
	"weaver/supervisor"
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

// A file on a mount that hangs holds up nobody but those who look at it.
func TestAConfigThatHangsHoldsNobodyUp(t *testing.T) {
	hangs, looked := make(chan struct{}), make(chan string, 2)
	d := &daemon{sup: supervisor.New(supervisor.Options{})}
	defer func() { require.NoError(t, d.sup.Shutdown(context.Background(), false, func(app.Progress) {})) }()
	c := &d.configs
	c.stamp = func(path string) stamp {
		looked <- path
		<-hangs
		return stamp{}
	}
	c.version = d.sup.Version()
	source := &app.ConfigSource{File: "/mnt/app.json"}
	c.of = map[string]*watchedConfig{"web": {source: source, state: api.ConfigState{File: source.File, Problem: "old"}}}
	d.lookAtConfigs()
	assert.Equal(t, source.File, <-looked)
	d.lookAtConfigs()
	assert.Empty(t, looked, "one at a time")
	assert.Equal(t, "old", c.state("web", source.File).Problem)
	c.end()
	close(hangs)
	require.Eventually(t, func() bool { return !c.looking.Load() }, 10*time.Second, time.Millisecond)
}
