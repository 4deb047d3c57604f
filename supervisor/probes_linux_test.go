package supervisor

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"weaver/app"
)

func TestPausesOfWhatIsNeverWell(t *testing.T) {
	var got []time.Duration
	for n := range 12 {
		got = append(got, sickPause(n)/time.Second)
	}
	assert.Equal(t, []time.Duration{0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60}, got)
	assert.Equal(t, time.Minute, sickPause(1<<30))
}

// What is never well is restarted with pauses, and what happens to it says why.
func TestWhatIsNeverWellDoesNotBurn(t *testing.T) {
	r := newReal(t)
	spec := r.spec("a", "/bin/sh", r.file("a.sh", "exec sleep 100\n"))
	probe := app.Probe{Kind: app.ProbeExec, Command: "echo ill; exit 1", Interval: app.Duration(5 * time.Millisecond), Failures: 1, Actions: []string{"restart"}}
	spec.Health = &app.Health{Liveness: &probe}
	go r.Add(t.Context(), spec, 1, true, nil) // it may never be up
	has := func(kind app.Kind, words string) bool {
		for _, e := range r.History(0) {
			if e.Kind == kind && strings.Contains(e.Message+e.Cause, words) {
				return true
			}
		}
		return false
	}
	r.await("it pauses", func() bool {
		return has(app.EventWarning, "unhealthy: command exit status 1: ill (action: restart in 1s)")
	})
	assert.Equal(t, 3, r.process(0).Restarts)
	assert.True(t, has(app.EventExit, "unhealthy: command exit status 1: ill"))
	assert.True(t, has(app.EventStart, "unhealthy: command exit status 1: ill"), "what follows says why, too")
}
