package pm2

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"

	"weaver/app"
)

func TestRecordsMayHideSecrets(t *testing.T) {
	spec := &app.Spec{
		Name: "web", Args: []string{"--port", "80", "--api-key=hush", "--password", "hush"}, InterpreterArgs: []string{"--token=hush"},
		Env:         app.Env{{Name: "API_TOKEN", Value: "hush"}, {Name: "URL", Value: "redis://u:hush@h/"}, {Name: "SECRET_NUMBER", Value: "42", Bare: true}, {Name: "N", Value: "7", Bare: true}},
		EnvProfiles: map[string]json.RawMessage{"env_production": json.RawMessage(`{"API_TOKEN":"hush","PIN_SECRET":{"a":"hush"},"N":7,"MODE":"hot"}`)},
	}
	list := []app.Process{{ID: 0, Name: "web", Spec: spec}, {ID: 1, Name: "web", Spec: spec}}
	for name, text := range map[string]string{
		"jlist":      string(AppendJList(nil, list, EnvOptions{Hide: true})),
		"prettylist": string(AppendPrettyList(nil, list, EnvOptions{Hide: true})),
	} {
		assert.NotContains(t, text, "hush", name)
		assert.NotContains(t, text, "42", name)
		for _, kept := range []string{"--port", "hot", app.Redacted} {
			assert.Contains(t, text, kept, name)
		}
	}
	open := string(AppendJList(nil, list, EnvOptions{}))
	for _, shown := range []string{`"API_TOKEN":"hush","URL":"redis://u:hush@h/","SECRET_NUMBER":42,"N":7`, `"env_production":{"API_TOKEN":"hush","PIN_SECRET":{"a":"hush"},"N":7,"MODE":"hot"}`, `"--api-key=hush"`} {
		assert.Contains(t, open, shown, "what was asked for is untouched")
	}
}
