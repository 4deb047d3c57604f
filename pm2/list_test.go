package pm2

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/app"
)

// unknowable are keys whose value weaver's model does not hold: what PM2's agent inside the app reports, and the pids
// that a stop has killed.
var unknowable = []string{"axm_actions", "axm_monitor", "axm_options", "_tree_pids", "prev_restart_delay"}

func TestJListHasTheKeysAndValuesOfPM2(t *testing.T) {
	list, elements := recorded(t, "jlist.json")
	v, err := Parse(AppendJList(nil, list, EnvOptions{}))
	require.NoError(t, err)
	ours, _ := v.List()
	require.Len(t, ours, len(elements))
	for i, e := range elements {
		want, _ := e.Object()
		got, _ := ours[i].Object()
		assert.Equal(t, keysOf(want), keysOf(got))
		wantEnv, _ := want.Get("pm2_env")
		gotEnv, _ := got.Get("pm2_env")
		byFile := startedByFile(wantEnv.object)
		for _, m := range wantEnv.object.members {
			if slices.Contains(unknowable, m.Key) || byFile && m.Key == list[i].Name {
				continue
			}
			v, ok := gotEnv.object.Get(m.Key)
			if !assert.Truef(t, ok, "%s: no key %q", list[i].Name, m.Key) {
				continue
			}
			assert.Equalf(t, comparable(m, list[i].Name), comparable(Member{m.Key, v}, list[i].Name), "%s: %s", list[i].Name, m.Key)
		}
		for _, m := range gotEnv.object.members {
			_, ok := wantEnv.object.Get(m.Key)
			onlyByHand := byFile && (m.Key == "filter_env" || m.Key == "watch")
			assert.Truef(t, ok || onlyByHand, "%s: PM2 has no key %q", list[i].Name, m.Key)
		}
		for _, key := range []string{"pid", "name", "pm_id", "monit"} {
			w, _ := want.Get(key)
			g, _ := got.Get(key)
			assert.Equal(t, string(w.AppendJSON(nil)), string(g.AppendJSON(nil)))
		}
	}
}

// TestJListHasTheOrderOfPM2 looks at apps that were started from the command line: what a config file names moves some
// keys, and weaver does not keep where a setting came from.
func TestJListHasTheOrderOfPM2(t *testing.T) {
	list, elements := recorded(t, "jlist.json")
	seen := 0
	for i, e := range elements {
		env, _ := e.object.Get("pm2_env")
		if startedByFile(env.object) {
			continue
		}
		seen++
		ours := Env(&list[i], EnvOptions{})
		drop := func(keys []string) []string {
			return slices.DeleteFunc(keys, func(k string) bool {
				// The last four come when they come: the child's answers, or the first exit.
				return slices.Contains([]string{"_tree_pids", "prev_restart_delay", "version", "node_version", "exit_code", "created_at"}, k)
			})
		}
		assert.Equal(t, drop(keysOf(env.object)), drop(keysOf(ours)), list[i].Name)
		envOf := func(o *Object) []string { v, _ := o.Get("env"); return keysOf(v.object) }
		assert.Equal(t, envOf(env.object), envOf(ours), list[i].Name)
	}
	assert.GreaterOrEqual(t, seen, 5)
}

// startedByFile tells by a key that only the command line sets.
func startedByFile(env *Object) bool {
	v, _ := env.Get("env")
	own, _ := v.object.Get(textOf(env, "name"))
	return own.kind != object
}

func textOf(o *Object, key string) string { v, _ := o.Get(key); return v.text }

// comparable is a member's JSON, numbers in an environment turned to the text that weaver has of them.
func comparable(m Member, name string) string {
	s := string(m.Value.AppendJSON(nil))
	if m.Key == "env" {
		var env app.Env
		if json.Unmarshal([]byte(s), &env) != nil {
			return s
		}
		env.Unset(name)
		b, _ := json.Marshal(env)
		return string(b)
	}
	if !internal(m.Key) && m.Key == strings.ToUpper(m.Key) {
		return strings.Trim(s, `"`)
	}
	return s
}

func keysOf(o *Object) []string {
	var keys []string
	for _, m := range o.members {
		keys = append(keys, m.Key)
	}
	return keys
}

func TestPrettyListIsUtilInspectOfJList(t *testing.T) {
	v, err := Parse(fixture(t, "jlist.json"))
	require.NoError(t, err)
	assert.Equal(t, strings.TrimRight(string(fixture(t, "prettylist.txt")), "\n"), Inspect(v))

	list, _ := recorded(t, "jlist.json")
	ours, err := Parse(AppendJList(nil, list, EnvOptions{}))
	require.NoError(t, err)
	assert.Equal(t, Inspect(ours), string(AppendPrettyList(nil, list, EnvOptions{})))
}

func TestListsOfNothing(t *testing.T) {
	assert.Equal(t, "[]", string(AppendJList(nil, nil, EnvOptions{})))
	assert.Equal(t, "[]", string(AppendPrettyList(nil, nil, EnvOptions{})))
}

func TestWeaverOnlyDataStaysOutOfListings(t *testing.T) {
	p := app.Process{
		Name: "w", Reason: "SECRET-REASON", Membership: "SECRET-MEMBER", Exit: &app.Exit{Signal: "SIGKILL", Code: 137, Err: "SECRET-ERR"},
		Usage: app.Usage{Threads: 77777, Procs: 88888}, Spec: &app.Spec{KillSignal: "SECRET-SIGNAL", MaxLogFiles: 99999},
	}
	for _, out := range []string{
		string(AppendJList(nil, []app.Process{p}, EnvOptions{})), string(AppendPrettyList(nil, []app.Process{p}, EnvOptions{})),
	} {
		for _, secret := range []string{"SECRET", "SIGKILL", "77777", "88888", "99999", "weaver"} {
			assert.NotContains(t, out, secret)
		}
		assert.Regexp(t, `"?exit_code"?: ?0`, out, "PM2 shows a death by signal as 0")
	}
}

func TestVariablesDoNotOverrulePM2sKeys(t *testing.T) {
	p := app.Process{Name: "real", ID: 3, Status: app.Online, Spec: &app.Spec{
		Env: app.Env{{Name: "name", Value: "zzz"}, {Name: "pm_id", Value: "77"}, {Name: "10", Value: "ten"}, {Name: "A", Value: "1"}, {Name: "9", Value: "nine"}},
	}}
	o := Env(&p, EnvOptions{Home: "/h"})
	assert.Equal(t, []string{"9", "10", "name"}, keysOf(o)[:3], "array indices come first in JavaScript")
	assert.Equal(t, "real", textOf(o, "name"))
	id, _ := o.Get("pm_id")
	assert.InDelta(t, 3, id.num, 0)
	env, _ := o.Get("env")
	assert.Equal(t, `{"9":"nine","10":"ten","name":"zzz","pm_id":"77","A":"1","PM2_HOME":"/h","real":{}}`, string(env.AppendJSON(nil)))
	assert.Equal(t, 1, strings.Count(string(o.AppendJSON(nil)), `"pm_id":3`))
	seen := map[string]bool{}
	for _, k := range keysOf(o) {
		assert.False(t, seen[k], k)
		seen[k] = true
	}
}

func TestStringsAreEscapedAsJSONStringifyDoes(t *testing.T) {
	for at := range 20 {
		for c := range 256 {
			b := []byte("0123456789abcdefghij")
			b[at] = byte(c)
			var back string
			require.NoError(t, json.Unmarshal(appendString(nil, string(b)), &back))
			require.Equal(t, strings.ToValidUTF8(string(b), "\uFFFD"), back)
		}
	}
	assert.Equal(t, `"\b\f\n\r\t\u0000\u001f\u007f\"\\/<>&é\u2028"`, strings.NewReplacer("\x7f", `\u007f`, "\u2028", `\u2028`).Replace(
		string(appendString(nil, "\b\f\n\r\t\x00\x1f\x7f\"\\/<>&é\u2028"))))
}

func TestListingsRoundAndForgetAsPM2Does(t *testing.T) {
	p := process("a", 1, app.Errored)
	p.Created, p.Usage.CPU = time.UnixMilli(1795489709917), 12.3456
	out := string(AppendJList(nil, []app.Process{p}, EnvOptions{}))
	assert.Contains(t, out, `"created_at":null,`, "PM2 forgets it when it gives up")
	assert.Contains(t, out, `"monit":{"memory":51834880,"cpu":12.3}}`)
}
