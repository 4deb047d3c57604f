package supervisor

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/app"
)

// What cannot fit is refused before anything of it is there: tried, it would take from the supervisor what it needs to answer.
func TestStartThatCannotFitIsRefusedAtOnce(t *testing.T) {
	r := newReal(t)
	var steps []app.Progress
	spec := app.Spec{Name: "many", Script: "/bin/true", Interpreter: "none", Instances: 1 << 20}
	r.Start(t.Context(), []app.Spec{spec}, StartOptions{}, func(p app.Progress) { steps = append(steps, p) })
	words := failed(steps)
	require.Len(t, words, 1)
	assert.Contains(t, words[0], "start many: descriptors: ")
	assert.Contains(t, words[0], "raise the open files limit")
	assert.Empty(t, r.List())
}
