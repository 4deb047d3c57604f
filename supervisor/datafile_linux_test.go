package supervisor

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/app"
)

func TestOneRestoresForAll(t *testing.T) {
	r := newReal(t)
	d := newDataTest(t, "data.json")
	d.put("", "{oops")
	d.put(".backup", "{}")
	d.data.Restore = true
	spec := &app.Spec{Data: &d.data}
	var mu sync.Mutex
	var wg sync.WaitGroup
	said := 0
	for range 8 {
		wg.Go(func() {
			assert.NoError(t, r.sound(t.Context(), spec, func(string) { mu.Lock(); said++; mu.Unlock() }))
		})
	}
	wg.Wait()
	assert.Equal(t, 1, said)
	d.aside()

	d.put("", "{again")
	assert.NoError(t, r.sound(t.Context(), spec, func(string) { said++ }), "what was written since is looked at")
	assert.Equal(t, 2, said)
}

// A process that is about to be started finds its data sound or is not started, whoever starts it; what was done is told.
func TestEachLaunchLooksAtTheData(t *testing.T) {
	r := newReal(t)
	d := newDataTest(t, "data.json")
	d.put("", "{}")
	spec := r.spec("a", "/bin/sh", r.file("a.sh", "exec sleep 100\n"))
	spec.Data = &d.data
	r.up(spec)
	d.put("", "{oops")
	failed := r.do(app.VerbRestart, "0")
	require.Len(t, failed, 1)
	assert.Contains(t, fmt.Sprint(failed), "corrupt data file "+d.path)
	assert.Zero(t, r.process(0).PID)
	d.put("", "{}")
	require.Empty(t, r.do(app.VerbRestart, "0"))
	assert.NotZero(t, r.process(0).PID)

	d.put("", "{oops")
	d.put(".backup", "{}")
	restoring := spec.Clone()
	restoring.Data = &app.DataFile{Path: d.path, Restore: true}
	require.NoError(t, r.Respec(0, restoring))
	require.Empty(t, r.do(app.VerbRestart, "0"))
	r.await("it is told", func() bool {
		for _, e := range r.History(0) {
			if e.Kind == app.EventWarning && strings.Contains(e.Message, "it is restored from") {
				return true
			}
		}
		return false
	})
}
