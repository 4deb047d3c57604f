package cli

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/app"
)

// An app is unchanged only if all its instances are as the file has it: a reload may have failed half-way.
func TestAnInstanceLeftBehindIsAChange(t *testing.T) {
	was := app.Spec{Name: "web", Script: "/was", Instances: 2, From: &app.Origin{}}
	is := was
	is.Script = "/is"
	running := func(specs ...*app.Spec) (list []app.Process) {
		for i, s := range specs {
			list = append(list, app.Process{ID: app.ID(i), Name: "web", Spec: s, Wanted: true, Status: app.Online})
		}
		return list
	}
	got, err := compareApp(&is, running(&is, &was))
	require.NoError(t, err)
	assert.Equal(t, planChange, got.Action)
	assert.True(t, got.respec)
	got, err = compareApp(&is, running(&is, &is))
	require.NoError(t, err)
	assert.Equal(t, planSame, got.Action)
}
