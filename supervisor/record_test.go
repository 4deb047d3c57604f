package supervisor

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/app"
	"weaver/supervisor/lifecycle"
)

// TestClockThatIsSetMovesNoDeadline writes a life down and reads it after somebody has set the clock.
func TestClockThatIsSetMovesNoDeadline(t *testing.T) {
	then := epoch{time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC), int64(time.Hour)}
	in := func(d time.Duration) time.Time { return then.now.Add(d) }
	s := lifecycle.State{
		Want: lifecycle.Up, LastGen: 8, Restarts: 3, Unstable: 2, Backoff: 150 * time.Millisecond, Auto: true, ReloadDue: true,
		Cur:       lifecycle.Child{Gen: 8, PID: 77, Since: in(-time.Minute), Ready: true, Asked: true, KillAt: in(time.Second)},
		Old:       lifecycle.Child{Gen: 7, PID: 76, Since: in(-30 * time.Minute), Dead: true, ReadyBy: in(2 * time.Second)},
		RestartAt: in(3 * time.Second), RowSince: in(-2 * time.Second), Born: in(-4 * time.Hour), GaveUp: true,
		Open: true, InWindow: 3, WindowSince: in(-time.Minute),
		Exit: lifecycle.ExitInfo{Gen: 6, Code: 4, Signal: 5, Err: "x", At: in(-5 * time.Second)},
	}
	life := lifeOf(then, &s, &app.Process{Exit: &app.Exit{Gen: 6, OOM: true}}, true, func(uint64) handle { return handle{Start: 5} })
	data, err := json.Marshal(life)
	require.NoError(t, err)
	var back lifeRecord
	require.NoError(t, json.Unmarshal(data, &back))
	assert.Equal(t, life, back)
	assert.True(t, back.Exit.OOM)
	assert.Equal(t, uint64(5), back.handles()[7].Start)

	assert.Equal(t, s, back.state(then), "nothing is lost")
	for _, set := range []time.Duration{-24 * time.Hour, 0, 365 * 24 * time.Hour} {
		passed := 400 * time.Millisecond
		now := epoch{then.now.Add(passed + set), then.boot + int64(passed)}
		got := back.state(now)
		assert.Equal(t, 600*time.Millisecond, got.Cur.KillAt.Sub(now.now), "set by %s", set)
		assert.Equal(t, 2600*time.Millisecond, got.RestartAt.Sub(now.now), "set by %s", set)
		assert.Equal(t, time.Minute+passed, now.now.Sub(got.Cur.Since), "uptime, set by %s", set)
		assert.True(t, got.Cur.ReadyBy.IsZero(), "never stays never")
	}
}

// TestEveryFieldOfALifeIsWrittenDown catches what is added to a life and forgotten here. Hold alone is not kept: what a
// process waits for is looked at again.
func TestEveryFieldOfALifeIsWrittenDown(t *testing.T) {
	e := epoch{time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC), int64(time.Hour)}
	check := func(v reflect.Value, of func(s *lifecycle.State) reflect.Value) {
		for i := range v.NumField() {
			name := v.Type().Field(i).Name
			s := lifecycle.State{Cur: lifecycle.Child{Gen: 1}, Old: lifecycle.Child{Gen: 2}, Exit: lifecycle.ExitInfo{Gen: 3}}
			f := of(&s).Field(i)
			switch f.Interface().(type) {
			case lifecycle.Child, lifecycle.ExitInfo, lifecycle.Hold:
				continue
			case time.Time:
				f.Set(reflect.ValueOf(e.now.Add(-time.Second)))
			case bool:
				f.SetBool(true)
			case string:
				f.SetString("x")
			case uint64, lifecycle.Want:
				f.SetUint(2)
			default:
				f.SetInt(4)
			}
			data, err := json.Marshal(lifeOf(e, &s, &app.Process{}, true, func(uint64) handle { return handle{} }))
			require.NoError(t, err)
			var back lifeRecord
			require.NoError(t, json.Unmarshal(data, &back))
			assert.Equal(t, s, back.state(e), name)
		}
	}
	check(reflect.ValueOf(lifecycle.State{}), func(s *lifecycle.State) reflect.Value { return reflect.ValueOf(s).Elem() })
	check(reflect.ValueOf(lifecycle.Child{}), func(s *lifecycle.State) reflect.Value { return reflect.ValueOf(&s.Cur).Elem() })
	check(reflect.ValueOf(lifecycle.ExitInfo{}), func(s *lifecycle.State) reflect.Value { return reflect.ValueOf(&s.Exit).Elem() })
}

// TestALifeFromBeforeTheCircuitIsRead reads what was written before the circuit and the window were kept.
func TestALifeFromBeforeTheCircuitIsRead(t *testing.T) {
	var r lifeRecord
	require.NoError(t, json.Unmarshal([]byte(`{"wall":1,"boot":9,"wanted":true,"want":1,"restart_at":11,"auto":true,"restarts":4,"unstable":3,"last_gen":5}`), &r))
	s := r.state(epoch{time.Unix(100, 0), 9})
	assert.Equal(t, lifecycle.State{
		Want: lifecycle.Up, RestartAt: time.Unix(100, 2), Auto: true, Restarts: 4, Unstable: 3, LastGen: 5,
	}, s)
}

func TestEnvironmentIsReadBackAsItWas(t *testing.T) {
	for _, env := range []app.Env{nil, {{Name: "A", Value: ""}, {Name: "B=C", Value: "x\x00y\n"}, {Name: "", Value: "=="}}} {
		got, err := parseEnv(appendEnv(nil, env))
		require.NoError(t, err)
		assert.Len(t, got, len(env))
		for i := range env {
			assert.Equal(t, env[i], got[i])
		}
	}
}

func FuzzParseEnv(f *testing.F) {
	f.Add(appendEnv(nil, app.Env{{Name: "PATH", Value: "/bin"}}))
	f.Add([]byte{3, 'a'})
	f.Fuzz(func(t *testing.T, data []byte) {
		env, err := parseEnv(data)
		if err != nil {
			return
		}
		again, err := parseEnv(appendEnv(nil, env))
		require.NoError(t, err)
		require.Equal(t, env, again)
	})
}

func TestProcessesShareSpecsAndEnvironmentsInTheJournal(t *testing.T) {
	b := newBook(nil, nil)
	env := app.Env{{Name: "A", Value: "1"}}
	one, two := &app.Spec{Name: "one", Env: env}, &app.Spec{Name: "two", Env: env.Clone()}
	a, c, d := &keeper{}, &keeper{}, &keeper{}
	assert.Len(t, b.shareSpec(nil, a, one), 2, "the environment and the spec")
	assert.Empty(t, b.shareSpec(nil, c, one), "an instance costs neither")
	assert.Len(t, b.shareSpec(nil, d, two), 1, "the environment is there")
	assert.Empty(t, b.unshareSpec(nil, a.specKey))
	assert.Len(t, b.unshareSpec(nil, c.specKey), 1, "the last instance takes the spec along")
	assert.Len(t, b.unshareSpec(nil, d.specKey), 2, "and the last spec the environment")
}
