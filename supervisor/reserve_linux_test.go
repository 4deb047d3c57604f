package supervisor

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/app"
)

// spares are those of the app that process id is of.
func (r *real) spares(id app.ID) []app.Spare {
	p := r.process(id)
	return r.Spares(&p)
}

// spareReady waits until the app of process id has n spares, all of them ready and none that ends.
func (r *real) spareReady(id app.ID, n int) []app.Spare {
	r.t.Helper()
	var list []app.Spare
	r.await(strconv.Itoa(n)+" spares are ready", func() bool {
		list = r.spares(id)
		for _, s := range list {
			if s.State != app.SpareReady {
				return false
			}
		}
		return len(list) == n
	})
	return list
}

func (r *real) warm(n, instances, port int) app.Spec {
	spec := r.cluster("web", web, instances, port)
	spec.Warm = n
	return spec
}

// answeredBy is the pid of the process that answers now, 0 if none does.
func (r *real) answeredBy(port int) int {
	text, _ := get(port)
	_, pid, _ := strings.Cut(text, " ")
	n, _ := strconv.Atoi(pid)
	return n
}

func TestASpareServesUntilWhatCrashedIsBack(t *testing.T) {
	for _, policy := range []string{"slots", "rr", "shared"} {
		t.Run(policy, func(t *testing.T) {
			r, port := newReal(t), aPort(t)
			spec := r.warm(1, 1, port)
			spec.ClusterPolicy = policy
			spec.RestartDelay = app.Duration(3 * time.Second) // it would be missed
			r.up(spec)
			spare := r.spareReady(0, 1)[0]
			assert.Equal(t, app.ID(1), spare.ID)
			assert.Len(t, r.List(), 1, "it is no instance")
			for range 10 {
				require.Equal(t, r.process(0).PID, r.answeredBy(port), "it does not listen")
			}
			first := r.process(0).PID
			require.NoError(t, syscall.Kill(first, syscall.SIGKILL))
			require.Equal(t, spare.PID, r.answeredBy(port), "it is answered for")
			assert.NotEqual(t, app.Online, r.process(0).Status, "and said to be what it is")
			assert.Equal(t, "standing in for 0", r.spares(0)[0].State)
			l := newLoad(4, func() error { _, err := get(port); return err })
			r.await("it is back, and serves", func() bool {
				p := r.process(0)
				return p.Status == app.Online && r.answeredBy(port) == p.PID
			})
			next := r.spareReady(0, 1)[0]
			assert.NotEqual(t, spare.PID, next.PID)
			_, failed := l.stop()
			assert.Empty(t, failed)
			assert.ErrorIs(t, syscall.Kill(spare.PID, 0), syscall.ESRCH)
			assert.Len(t, r.List(), 1)
		})
	}
}

func TestASpareBecomesAnInstance(t *testing.T) {
	r, port := newReal(t), aPort(t)
	r.up(r.warm(1, 1, port))
	spare := r.spareReady(0, 1)[0]
	r.Scale(t.Context(), "web", 3, false, func(p app.Progress) { assert.NotEqual(t, app.StepFailed, p.Step, p.Message) })
	list := r.List()
	require.Len(t, list, 3)
	assert.Equal(t, spare.PID, list[1].PID, "it was there already")
	assert.Equal(t, spare.ID, list[1].ID)
	assert.Equal(t, 1, list[1].Instance)
	assert.False(t, list[1].Spare)
	got := map[int]bool{}
	r.await("all three serve", func() bool { got[r.answeredBy(port)] = true; return len(got) == 3 })
	assert.NotContains(t, []int{list[0].PID, list[1].PID, list[2].PID}, r.spareReady(0, 1)[0].PID)

	// It is one like any other now.
	require.NoError(t, syscall.Kill(spare.PID, syscall.SIGKILL))
	r.await("it is restarted", func() bool {
		p := r.process(spare.ID)
		return p.Status == app.Online && p.PID != spare.PID && p.Restarts == 1
	})
	r.spareReady(0, 1)
}

func TestSparesFollowTheirApp(t *testing.T) {
	r, port := newReal(t), aPort(t)
	r.up(r.warm(2, 1, port))
	before := r.spareReady(0, 2)
	assert.Empty(t, r.do(app.VerbReload, "web"))
	r.await("a reload ends them", func() bool {
		return syscall.Kill(before[0].PID, 0) == syscall.ESRCH && syscall.Kill(before[1].PID, 0) == syscall.ESRCH
	})
	after := r.spareReady(0, 2)
	assert.Empty(t, r.do(app.VerbStop, "web"))
	r.await("a stop ends them", func() bool { return len(r.spares(0)) == 0 })
	for _, s := range after {
		assert.ErrorIs(t, syscall.Kill(s.PID, 0), syscall.ESRCH)
	}
	assert.Empty(t, r.do(app.VerbStart, "web"))
	last := r.spareReady(0, 2)
	assert.Empty(t, r.do(app.VerbDelete, "web"))
	r.await("so does a delete", func() bool {
		return syscall.Kill(last[0].PID, 0) == syscall.ESRCH && syscall.Kill(last[1].PID, 0) == syscall.ESRCH
	})
	r.await("and numbers begin at 0 again", func() bool {
		r.reg.mu.Lock()
		defer r.reg.mu.Unlock()
		return r.reg.next == 0
	})
}

// TestASpareThatCannotBeDoesNotBurn has spares fail whose app does not.
func TestASpareThatCannotBeDoesNotBurn(t *testing.T) {
	r, port := newReal(t), aPort(t)
	bad := filepath.Join(r.dir, "bad")
	spec := r.cluster("web", `if (require('fs').existsSync('`+bad+`')) process.exit(3)`+web, 1, port)
	most, uptime := 2, app.Duration(time.Hour) // whatever the machine has to do, it was quick
	spec.Warm, spec.MaxRestarts, spec.MinUptime = 1, &most, &uptime
	r.up(spec)
	spare := r.spareReady(0, 1)[0]
	require.NoError(t, os.WriteFile(bad, nil, 0o600))
	require.NoError(t, syscall.Kill(spare.PID, syscall.SIGKILL))
	r.await("it is given up", func() bool { l := r.spares(0); return len(l) == 1 && strings.HasPrefix(l[0].State, "errored") })
	require.NoError(t, os.Remove(bad))
	assert.Equal(t, r.process(0).PID, r.answeredBy(port))
	require.NoError(t, syscall.Kill(r.process(0).PID, syscall.SIGKILL))
	r.await("its app is restarted as ever", func() bool { return r.process(0).Status == app.Online && r.process(0).Restarts == 1 })
}

// TestASpareIsNotLeftBehind has a spare become an instance just when all ends, which knows neither the spare nor the instance.
func TestASpareIsNotLeftBehind(t *testing.T) {
	r, port := newReal(t), aPort(t)
	spec := r.warm(1, 1, port)
	r.up(spec)
	spare := r.spareReady(0, 1)[0]
	k := r.reserve.get(spare.ID)
	r.reg.close()
	instance := r.reg.snapshot()[0].view.Load().Spec
	r.reserve.enlist(instance, 1)
	r.await("it is gone", func() bool { return isClosed(k.done) })
	assert.ErrorIs(t, syscall.Kill(spare.PID, 0), syscall.ESRCH)
}

// TestWhatWasLaunchedAsASpareListens has one ask when it is an instance meanwhile.
func TestWhatWasLaunchedAsASpareListens(t *testing.T) {
	r := newReal(t)
	released := make(chan bool, 1)
	r.reserve.loaded(7, 2, func(standsIn bool) { released <- standsIn })
	select {
	case standsIn := <-released:
		assert.False(t, standsIn, "it is there to stay")
	case <-time.After(30 * time.Second):
		t.Error("nobody answers it")
	}
}
