package supervisor

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"weaver/app"
)

// What comes of a command is told with who gave it, also when a program takes its time to end; what a program does by itself
// is nobody's doing.
func TestWhatFollowsACommandIsItsDoing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, &world{script: []behaviour{{dies: time.Second, lingers: time.Second}, {life: 3 * time.Second, code: 1}}})
		f.start(app.Spec{Name: "a", Script: "/a"})
		begun := f.bus.seq
		f.Do(WithCause(t.Context(), "weaver restart a (root)"), Action{Verb: app.VerbRestart, Targets: []app.Selector{"a"}}, func(app.Progress) {})
		time.Sleep(10 * time.Second)
		synctest.Wait()
		causes := map[app.Kind][]string{}
		for _, e := range f.History(0) {
			if e.Seq > begun {
				causes[e.Kind] = append(causes[e.Kind], e.Cause)
			}
		}
		assert.Equal(t, []string{"weaver restart a (root)", ""}, causes[app.EventExit], "asked for, and by itself")
		assert.Equal(t, []string{"weaver restart a (root)", ""}, causes[app.EventStart])
		f.close()
	})
}
