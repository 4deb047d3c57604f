package monit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"weaver/api"
	"weaver/app"
)

// period is how often the list is looked at, PM2's.
const period = 800 * time.Millisecond

// Options are what a dashboard is shown with.
type Options struct {
	Client  *api.Client
	In, Out *os.File // the terminal
	Color   bool
	Period  time.Duration // between looks; 0 is PM2's 800 ms
	Match   func([]app.Process) []app.Process
}

// Run shows the dashboard until q, Escape or Ctrl-C is pressed, or ctx ends. The terminal is left as it was found.
func Run(ctx context.Context, o Options) error {
	if o.Period <= 0 {
		o.Period = period
	}
	before, err := term.MakeRaw(int(o.In.Fd()))
	if err != nil {
		return fmt.Errorf("set the terminal up: %w", err)
	}
	defer term.Restore(int(o.In.Fd()), before)
	io.WriteString(o.Out, "\x1b[?1049h\x1b[?25l") // another screen, without a cursor
	defer io.WriteString(o.Out, "\x1b[?25h\x1b[?1049l")

	ctx, cancel := context.WithCancel(ctx)
	r := &runner{o: o, m: newModel(), events: make(chan func(*model), 64)}
	var parts sync.WaitGroup
	defer parts.Wait()
	defer cancel()
	parts.Go(func() { r.look(ctx) }) // these end with ctx
	parts.Go(func() { r.follow(ctx) })
	parts.Go(func() { r.resized(ctx) })
	keys := make(chan []key)
	go r.read(ctx, keys) // ends with the next key at the latest: a read of a terminal cannot be called off
	return r.loop(ctx, keys, &parts)
}

// runner joins a model to a terminal and a daemon.
type runner struct {
	o      Options
	m      *model
	events chan func(*model)
	shown  []string // what is on the screen
}

// loop takes what happens, one after the other, and draws.
func (r *runner) loop(ctx context.Context, keys <-chan []key, parts *sync.WaitGroup) error {
	r.draw()
	for {
		select {
		case <-ctx.Done():
			return nil
		case f := <-r.events:
			f(r.m)
			for more := true; more; { // as much as there is, then one frame
				select {
				case f := <-r.events:
					f(r.m)
				default:
					more = false
				}
			}
		case pressed, ok := <-keys:
			if !ok {
				return nil // the terminal is gone
			}
			for _, k := range pressed {
				quit, do := r.m.press(k)
				if quit {
					return nil
				}
				if do != nil {
					parts.Go(func() { r.act(ctx, do) }) // ends with ctx
				}
			}
		}
		r.draw()
	}
}

// send has f applied to the model.
func (r *runner) send(ctx context.Context, f func(*model)) {
	select {
	case r.events <- f:
	case <-ctx.Done():
	}
}

func (r *runner) look(ctx context.Context) {
	tick := time.NewTicker(r.o.Period)
	defer tick.Stop()
	for {
		list, err := r.o.Client.List(ctx, false, "")
		if r.o.Match != nil {
			list = r.o.Match(list)
		}
		host, _ := r.o.Client.Host(ctx) // the line without it is shorter
		r.send(ctx, func(m *model) {
			if err != nil {
				m.trouble = "no answer of the supervisor: " + err.Error()
				return
			}
			m.setList(list, time.Now())
			m.host = host.Line
		})
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// follow takes the output of everything, and begins again when the daemon was replaced.
func (r *runner) follow(ctx context.Context) {
	for ctx.Err() == nil {
		lines, err := r.o.Client.Follow(ctx, "")
		if err == nil {
			for l, err := range lines {
				if err != nil {
					break
				}
				r.send(ctx, func(m *model) { m.addLine(l) })
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(r.o.Period):
		}
	}
}

// act does what was asked for, and says what came of it.
func (r *runner) act(ctx context.Context, do *request) {
	news := fmt.Sprintf("%s %s: done", do.verb, do.name)
	err := r.o.Client.Act(ctx, api.ActRequest{Verb: do.verb, Targets: []app.Selector{app.Selector(do.id.String())}}, nil, func(p app.Progress) {
		if p.Step == app.StepFailed {
			news = fmt.Sprintf("%s %s: %s", do.verb, do.name, p.Message)
		}
	})
	if err != nil && !errors.Is(err, context.Canceled) {
		news = fmt.Sprintf("%s %s: %v", do.verb, do.name, err)
	}
	r.send(ctx, func(m *model) { m.news = news })
}

func (r *runner) read(ctx context.Context, keys chan<- []key) {
	defer close(keys)
	buf := make([]byte, 256)
	for {
		n, err := r.o.In.Read(buf)
		if err != nil {
			return
		}
		select {
		case keys <- readKeys(buf[:n]):
		case <-ctx.Done():
			return
		}
	}
}

// draw writes the lines that have changed.
func (r *runner) draw() {
	width, height, err := term.GetSize(int(r.o.Out.Fd()))
	if err != nil || width <= 0 || height <= 0 {
		width, height = 80, 24
	}
	lines := r.m.view(width, height, r.o.Color)
	var b strings.Builder
	for i, l := range lines {
		if i < len(r.shown) && len(r.shown) == len(lines) && r.shown[i] == l {
			continue
		}
		fmt.Fprintf(&b, "\x1b[%d;1H%s\x1b[K", i+1, l)
	}
	if len(r.shown) != len(lines) {
		b.WriteString("\x1b[J")
	}
	r.shown = lines
	io.WriteString(r.o.Out, b.String())
}
