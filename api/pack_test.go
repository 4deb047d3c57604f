package api

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/app"
)

func TestEnvironmentsTravelOnce(t *testing.T) {
	r := StartRequest{File: "eco.json"}
	for i := range 100 {
		env := app.Env{{Name: "PATH", Value: "/bin"}, {Name: "HOME", Value: "/root"}}
		if i == 7 {
			env.Set("PORT", "1")
		}
		r.Specs = append(r.Specs, app.Spec{Name: fmt.Sprint("a", i), Env: env})
	}
	packed := r.pack()
	assert.Len(t, packed.Envs, 2)
	assert.NotEmpty(t, r.Specs[0].Env, "the caller's request is untouched")
	data, err := json.Marshal(packed)
	require.NoError(t, err)
	var got StartRequest
	require.NoError(t, json.Unmarshal(data, &got))
	require.NoError(t, got.Unpack())
	assert.Equal(t, r, got)
	assert.Same(t, &got.Specs[0].Env[0], &got.Specs[1].Env[0], "equal environments are one")
	got.Specs[0].Env = append(got.Specs[0].Env, app.Var{Name: "X"})
	assert.Len(t, got.Specs[1].Env, 2)
}

func TestCrookedEnvironmentsAreRefused(t *testing.T) {
	for _, r := range []StartRequest{
		{Specs: make([]app.Spec, 2), Envs: make([]app.Env, 1), EnvOf: []int{0}},
		{Specs: make([]app.Spec, 1), Envs: make([]app.Env, 1), EnvOf: []int{1}},
		{Specs: make([]app.Spec, 1), Envs: make([]app.Env, 1), EnvOf: []int{-1}},
	} {
		assert.Error(t, r.Unpack())
	}
}
