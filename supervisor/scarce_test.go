package supervisor

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"weaver/app"
)

func refusals(n int, cause error) []behaviour {
	list := make([]behaviour, n)
	for i := range list {
		list[i].fails = fmt.Errorf("fork: %w", cause)
	}
	return list
}

func TestForkThatTheMachineRefusesIsTriedAgain(t *testing.T) {
	for _, cause := range []error{syscall.EAGAIN, syscall.EMFILE} {
		synctest.Test(t, func(t *testing.T) {
			w := &world{script: refusals(4, cause)}
			f := newFixture(t, w)
			defer f.close()
			begin := time.Now()
			assert.Empty(t, failed(f.start(app.Spec{Name: "a", Script: "/a"})))
			assert.Equal(t, (50+100+200+400)*time.Millisecond, time.Since(begin), "it backs off")
			p := f.get(0)
			assert.Equal(t, app.Online, p.Status)
			assert.Equal(t, uint64(1), p.Gen)
			assert.Zero(t, p.Restarts)
			assert.Zero(t, p.Unstable, "it is not the program's fault")
			told := false
			for _, e := range f.History(0) {
				told = told || e.Kind == app.EventFailed
			}
			assert.True(t, told)
		})
	}
}

func TestForkThatIsRefusedForGoodFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{next: refusals(1, syscall.EAGAIN)[0]}
		f := newFixture(t, w)
		defer f.close()
		words := failed(f.start(app.Spec{Name: "a", Script: "/a", AutoRestart: ptr(false)}))
		assert.Len(t, words, 1)
		assert.Equal(t, app.Stopped, f.get(0).Status)
		assert.Len(t, w.launches(), scarceTries+1)
	})
}

func TestStopDoesNotWaitForTheMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{next: refusals(1, syscall.ENOMEM)[0]}
		f := newFixture(t, w)
		defer f.close()
		go f.Start(t.Context(), []app.Spec{{Name: "a", Script: "/a"}}, StartOptions{}, func(app.Progress) {}) // ends with the stop
		time.Sleep(time.Second)
		p := f.get(0)
		assert.Equal(t, app.Launching, p.Status)
		assert.Contains(t, p.Reason, "tried again")
		begin := time.Now()
		assert.Empty(t, failed(f.do(app.VerbStop, "a")))
		assert.Zero(t, time.Since(begin))
		assert.Equal(t, app.Stopped, f.get(0).Status)
	})
}

func TestProgramThatCannotRunFailsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{next: behaviour{fails: errors.New("exec /a: permission denied")}}
		f := newFixture(t, w)
		defer f.close()
		begin := time.Now()
		f.start(app.Spec{Name: "a", Script: "/a", AutoRestart: ptr(false)})
		assert.Zero(t, time.Since(begin))
		assert.Len(t, w.launches(), 1)
	})
}
