package supervisor

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/app"
	"weaver/procstat"
	"weaver/supervisor/spawn"
)

// Without control groups a tree is looked at; what takes too much is restarted, and says why.
func TestTooMuchMemoryIsSeenWhereTheKernelDoesNotCount(t *testing.T) {
	var r *real
	sampler, err := procstat.New(procstat.Options{Roots: func() []procstat.Root { return r.Roots() }, Every: 50 * time.Millisecond})
	require.NoError(t, err)
	defer sampler.Close()
	r = newReal(t, func(o *Options) { o.Sampler = sampler })
	// The shell is small; what it started is not.
	script := r.file("hog.sh", "sh -c 'x=$(head -c 60000000 /dev/zero | tr \"\\0\" x); sleep 100' & wait\n")
	spec := r.spec("hog", "/bin/sh", script)
	spec.MaxMemory = 40 << 20
	r.up(spec)
	p := r.process(0)
	require.Len(t, p.Ceilings, 1)
	assert.Equal(t, app.Ceiling{What: "memory", Limit: "40M", By: bySampling, Why: p.Ceilings[0].Why}, p.Ceilings[0])
	r.await("it is restarted", func() bool { return r.process(0).Restarts > 0 })
	var said []string
	for _, e := range r.History(0) {
		said = append(said, e.Message+e.Cause)
	}
	assert.Contains(t, strings.Join(said, "\n"), "of max_memory 40M")
}

// Where the kernel killed but a part of a tree, the rest is not left half alive.
func TestTreeOfWhichThePartWasKilledIsRestarted(t *testing.T) {
	var r *real
	sampler, err := procstat.New(procstat.Options{Roots: func() []procstat.Root { return r.Roots() }})
	require.NoError(t, err)
	defer sampler.Close()
	spawner, err := spawn.New(spawn.Options{Marker: "WEAVER_SUPERVISOR_TEST", CgroupRoot: "supervisor-test-" + itoa(os.Getpid()), Trampoline: os.Args[0]})
	require.NoError(t, err)
	defer spawner.Close()
	r = newReal(t, func(o *Options) {
		o.Spawner.Close()
		o.Sampler, o.Spawner = sampler, spawner
	})
	script := r.file("hog.sh", "sh -c 'x=$(head -c 60000000 /dev/zero | tr \"\\0\" x); sleep 100' & while :; do sleep 1; done\n")
	spec := r.spec("hog", "/bin/sh", script)
	spec.MaxMemory = 40 << 20
	r.up(spec)
	if by := r.process(0).Ceilings[0].By; by == bySampling {
		t.Skip("no memory controller here")
	}
	r.await("it is restarted", func() bool { return r.process(0).Restarts > 0 })
	r.await("it is said why", func() bool {
		for _, e := range r.History(0) {
			if strings.Contains(e.Message, "max_memory") {
				return true
			}
		}
		return false
	})
	require.Empty(t, r.do(app.VerbDelete, "0"))
}
