package watch

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errOver = errors.New("over")

// place is a directory with somebody who watches it.
type place struct {
	*testing.T
	dir   string
	fires chan string

	// Between an expect and the next, Run is held, so that what a test does in between is seen together, however slow
	// this machine is.
	resume chan struct{}
	held   bool

	mu   sync.Mutex
	news []string // what was reported
}

// write makes a file with all directories above it.
func (p *place) write(name, text string) {
	p.Helper()
	path := p.path(name)
	require.NoError(p, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(p, os.WriteFile(path, []byte(text), 0o644))
}

func (p *place) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(p.dir, filepath.FromSlash(name))
}

func (p *place) mkdir(name string)  { p.Helper(); require.NoError(p, os.MkdirAll(p.path(name), 0o755)) }
func (p *place) remove(name string) { p.Helper(); require.NoError(p, os.RemoveAll(p.path(name))) }

func (p *place) rename(from, to string) {
	p.Helper()
	require.NoError(p, os.Rename(p.path(from), p.path(to)))
}

func (p *place) link(target, name string) {
	p.Helper()
	if err := os.Symlink(filepath.FromSlash(target), p.path(name)); err != nil {
		p.Skipf("this system has no symbolic links for us: %v", err)
	}
}

// run lets Run see what happens at once.
func (p *place) run() {
	if p.held {
		p.held = false
		p.resume <- struct{}{}
	}
}

// expect awaits a call with one of the names.
func (p *place) expect(names ...string) {
	p.Helper()
	p.run()
	select {
	case got := <-p.fires:
		p.held = true
		require.Contains(p, names, filepath.ToSlash(got))
	case <-time.After(60 * time.Second):
		require.FailNow(p, "nobody noticed a change", "of %q", names)
	}
}

// nothing says that none of what happened before matters: the next change is the first to be noticed. If one before
// it mattered, it would be named instead, since its file exists or the marker is not first.
func (p *place) nothing() {
	p.Helper()
	const marker = "nothing-before-this"
	path := filepath.Join(p.marked(), marker)
	require.NoError(p, os.WriteFile(path, nil, 0o644))
	short, err := filepath.Rel(p.dir, path)
	require.NoError(p, err)
	p.expect(filepath.ToSlash(short))
	require.NoError(p, os.Remove(path))
	p.expect(filepath.ToSlash(short))
}

// marked is a directory that each place watches for this.
func (p *place) marked() string { return filepath.Join(p.dir, "marked") }

func (p *place) reports() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.news...)
}

// unwatched makes a place that nobody watches yet.
func unwatched(t *testing.T) *place {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	p := &place{T: t, dir: dir, fires: make(chan string), resume: make(chan struct{})}
	p.mkdir("marked")
	return p
}

// watch begins; it ends with the test.
func (p *place) watch(o Options) *place { p.Helper(); return p.watchWith(o, openKernel) }

func (p *place) watchWith(o Options, open func() (*kernel, error)) *place {
	p.Helper()
	if o.Dir == "" {
		o.Dir = p.dir
	}
	if len(o.Roots) > 0 {
		o.Roots = append(o.Roots, p.marked())
	}
	o.Report = func(text string) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.news = append(p.news, text)
	}
	ready := make(chan struct{})
	ctx, cancel := context.WithCancelCause(context.Background())
	hold := func() {
		select {
		case <-p.resume:
		case <-ctx.Done():
		}
	}
	o.Ready = func() {
		close(ready)
		hold()
	}
	p.held = true
	if o.Interval == 0 {
		o.Interval = 20 * time.Millisecond
	}
	done := make(chan error, 1)
	var path string
	go func() { // ends with the cleanup below
		done <- run(ctx, o, func(changed string) { path = changed }, seams{open, func() {
			select {
			case p.fires <- path:
				hold()
			case <-ctx.Done():
			}
		}})
	}()
	p.Cleanup(func() {
		cancel(errOver)
		assert.ErrorIs(p, <-done, errOver)
	})
	<-ready
	return p
}
