package daemon

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"weaver/api"
	"weaver/app"
)

// configs are the files that services are from which want them applied again when they change. They are looked at each
// second: a look costs next to nothing and sees what editors, mounts and links do to a name. It is a goroutine's own, one at a
// time: a mount that hangs holds up nothing but the looks. What a file says is read by a
// front end, in the environment of the command that started the service: nothing that users write runs in the supervisor.
type configs struct {
	version uint64 // of the list, when of was made
	looking atomic.Bool
	stamp   func(path string) stamp // stampOf; tests have one that hangs
	cancel  context.CancelFunc
	ctx     context.Context
	running sync.WaitGroup // what applies them

	mu    sync.Mutex
	ended bool
	of    map[string]*watchedConfig // by service
}

// watchedConfig is one file, for one service.
type watchedConfig struct {
	source *app.ConfigSource
	env    app.Env // the service's
	seen   stamp   // at the last look
	known  stamp   // when sum was made
	sum    string  // of what was applied last, or refused
	busy   bool    // it is being applied
	state  api.ConfigState
}

// stamp is what a look at a file tells; two that are alike are of the same content, for all that is known.
type stamp struct {
	at      time.Time
	size    int64
	missing bool
	looked  bool
}

func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{looked: true, missing: true}
	}
	return stamp{at: info.ModTime(), size: info.Size(), looked: true}
}

// state is how it stands with the file of a service.
func (c *configs) state(name, file string) *api.ConfigState {
	c.mu.Lock()
	defer c.mu.Unlock()
	if w := c.of[name]; w != nil && w.source.File == file {
		s := w.state
		return &s
	}
	return &api.ConfigState{File: file}
}

// end returns when nothing is being applied any more. A look that hangs is left alone.
func (c *configs) end() {
	c.mu.Lock()
	c.ended = true
	if c.cancel != nil {
		c.cancel()
	}
	c.mu.Unlock()
	c.running.Wait()
}

// refresh makes the list anew: what runs now, and from where it is.
func (c *configs) refresh(list []*app.Process) {
	wanted := map[string]*app.Process{}
	for _, p := range list {
		if p.Wanted && p.Spec.WatchConfig != nil {
			wanted[p.Name] = p
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for name := range c.of {
		if wanted[name] == nil {
			delete(c.of, name)
		}
	}
	for name, p := range wanted {
		if c.of == nil {
			c.of = map[string]*watchedConfig{}
		}
		w := c.of[name]
		if w == nil || w.source.File != p.Spec.WatchConfig.File {
			w = &watchedConfig{}
			c.of[name] = w
		}
		if source := p.Spec.WatchConfig; w.source == nil || w.source.Sum != source.Sum {
			w.known, w.sum, w.state = stamp{}, source.Sum, api.ConfigState{File: source.File}
		}
		w.source, w.env = p.Spec.WatchConfig, p.Spec.Env
	}
}

// changed returns the services whose files have changed and not changed again for a second, with what is in them now. It holds no
// lock while it looks at a file, which may take for ever.
func (c *configs) changed() (out []*watchedConfig, names []string) {
	look := c.stamp
	if look == nil {
		look = stampOf
	}
	c.mu.Lock()
	idle := map[string]watchedConfig{}
	for name, w := range c.of {
		if !w.busy {
			idle[name] = *w
		}
	}
	c.mu.Unlock()
	for name, was := range idle {
		now, sum := look(was.source.File), was.sum
		settled := now == was.seen && now != was.known
		if settled {
			var err error
			if sum, err = sumOf(was.source.File); err == nil && sum == was.sum {
				settled, was.known = false, now
			}
		}
		c.mu.Lock()
		if w := c.of[name]; w != nil && w.source == was.source && !c.ended {
			w.seen, w.known = now, was.known
			if settled {
				w.known, w.sum, w.busy = now, sum, true
				out, names = append(out, w), append(names, name)
			}
		}
		c.mu.Unlock()
	}
	return out, names
}

// configMax bounds what a look reads of a file.
const configMax = 16 << 20

// sumOf tells contents apart. It waits for nobody: a FIFO that was put in the place of a file is none.
func sumOf(path string) (string, error) {
	if err := isConfig(path); err != nil {
		return "", err
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, io.LimitReader(f, configMax)); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// isConfig returns what keeps a path from being read as a config file.
func isConfig(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New(path + " is not there")
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return errors.New(path + " is no regular file")
	case info.Size() > configMax:
		return errors.New(path + " is too large")
	}
	return nil
}

// lookAtConfigs has files applied that have changed.
func (d *daemon) lookAtConfigs() {
	c := &d.configs
	if c.looking.Load() {
		return
	}
	if v := d.sup.Version(); v != c.version {
		c.version = v
		c.refresh(d.sup.Look())
	}
	if c.empty() {
		return
	}
	c.looking.Store(true)
	go func() { // ends when the files have been looked at
		defer c.looking.Store(false)
		d.applyChanged()
	}()
}

func (c *configs) empty() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.of) == 0
}

func (d *daemon) applyChanged() {
	c := &d.configs
	list, names := c.changed()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return
	}
	if len(list) > 0 && c.ctx == nil {
		c.ctx, c.cancel = context.WithCancel(context.Background())
	}
	for i, w := range list {
		source, env := w.source, w.env
		c.running.Go(func() { // ends when the front end does, or with end
			err := d.applyConfig(c.ctx, names[i], source, env)
			if c.ctx.Err() == nil {
				d.tellOfConfig(names[i], source.File, err)
			}
			c.done(w, err)
		})
	}
}

func (c *configs) done(w *watchedConfig, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w.busy = false
	w.state = api.ConfigState{File: w.source.File}
	if err != nil {
		w.state.Problem, w.state.Since = err.Error(), time.Now()
	}
}

// applyConfig has a front end apply a file; its error is what that says.
func (d *daemon) applyConfig(ctx context.Context, name string, source *app.ConfigSource, env app.Env) error {
	if err := isConfig(source.File); err != nil {
		return err
	}
	self, err := itself()
	if err != nil {
		return err
	}
	persona := "weaver"
	if d.home.PM2 {
		persona = "pm2"
	}
	args := []string{
		persona, api.CommandApply, "--home=" + d.home.Dir, "--config=" + source.File, "--watch-config",
		"--lock-timeout=600000", name,
	}
	var said beginning
	cmd := exec.CommandContext(ctx, self)
	cmd.Args = append(args, source.Flags...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = source.Dir, source.Return(env).Environ(), &said, &said
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		text := strings.TrimSpace(string(said.text))
		if text == "" {
			text = err.Error()
		}
		return errors.New(strings.TrimPrefix(text, persona+": "))
	}
	return nil
}

// beginning keeps the first of what a front end says: what it runs may print without end.
type beginning struct{ text []byte }

const beginningMax = 16 << 10

func (b *beginning) Write(p []byte) (int, error) {
	b.text = append(b.text, p[:min(len(p), beginningMax-len(b.text))]...)
	return len(p), nil
}

// itself is the program that runs, also after another has taken its place on disk.
func itself() (string, error) {
	if runtime.GOOS == "linux" {
		return "/proc/self/exe", nil
	}
	return os.Executable()
}

// tellOfConfig says what came of a file that has changed.
func (d *daemon) tellOfConfig(name, file string, err error) {
	message := file + " has changed and was applied"
	if err != nil {
		message = file + " has changed and is NOT applied, the former configuration is in force: " + err.Error()
		d.log.Error("config file", zap.String("service", name), zap.String("file", file), zap.Error(err))
	} else {
		d.log.Info("config file applied", zap.String("service", name), zap.String("file", file))
	}
	for _, p := range d.sup.Look() {
		if p.Name == name {
			d.sup.Publish(app.Event{Kind: app.EventWarning, ID: p.ID, Name: name, Message: message})
		}
	}
}
