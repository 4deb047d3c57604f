package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"weaver/app"
	"weaver/logs"
)

// follow prints what comes, until it is interrupted. It begins to listen before it shows the stored lines, so that none
// falls between.
func (v *logView) follow() error {
	if v.ctx == nil {
		v.ctx = v.c.ctx
	}
	ctx, cancel := context.WithCancel(v.ctx)
	defer cancel()
	var mu sync.Mutex // one line at a time, of two sources
	if v.form == jsonLines {
		var events sync.WaitGroup
		events.Go(func() { v.events(ctx, &mu) }) // ends with ctx
		defer events.Wait()
		defer cancel()
	}
	first := true
	pause, told := reconnectMin, false
	var read reading
	show := func(l app.Line) {
		mu.Lock()
		v.followed(l)
		mu.Unlock()
		if v.shown != nil {
			v.shown()
		}
	}
	for {
		lines, err := v.c.client.Follow(ctx, v.stream, v.targets()...)
		if err != nil && first {
			return v.interrupted(err)
		}
		if err == nil {
			list, lerr := v.c.client.List(ctx, false, v.c.env.Cwd, v.targets()...)
			if lerr == nil { // else there are none, so far
				read.know(list)
			}
			if !first {
				read.catchUp(v.stream, show)
			}
		}
		var shown time.Time
		if first {
			first = false
			shown = time.Now()
			if v.form == labelled || v.form == rawLines {
				if err := v.history(); err != nil {
					return err
				}
			}
		}
		if err == nil {
			if v.ready != nil {
				v.ready()
			}
			pause, told = reconnectMin, false
			for l, err := range lines {
				if err != nil {
					break
				}
				if read.came(&l, show) && l.At.After(shown) { // else the file had it already
					show(l)
				}
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && !told && !v.calm.Load() {
			told = true
			v.c.out.note("weaver: the supervisor went away; waiting for it")
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
		pause = min(2*pause, reconnectMax)
	}
}

// targets are what to follow.
func (v *logView) targets() []app.Selector {
	if v.names != nil {
		return selectors(*v.names)
	}
	return selectors(v.c.args)
}

// A supervisor that comes back does so within milliseconds; one that is away for good should not cost anything.
const (
	reconnectMin = 50 * time.Millisecond
	reconnectMax = time.Second
)

// interrupted turns the user's Ctrl-C into a good end, as PM2 does.
func (v *logView) interrupted(err error) error {
	if v.ctx.Err() != nil {
		return nil
	}
	return err
}

// followed prints a line that came by the stream. PM2 drops empty ones.
func (v *logView) followed(l app.Line) {
	if l.Missed > 0 {
		v.c.out.note("weaver: %d lines of %s not shown: this reader was too slow", l.Missed, l.Name)
	}
	if l.Text == "" || !v.matches(l.Text) {
		return
	}
	v.line(l)
}

// line prints one line in the form that was asked for.
func (v *logView) line(l app.Line) {
	switch v.form {
	case rawLines:
		v.rawLine(l.Stream, l.Text)
	case jsonLines:
		v.jsonLine(l)
	case keyValues:
		kind := "out"
		if l.Stream == app.Err {
			kind = "error"
		}
		v.c.out.data(fmt.Sprintf("timestamp=%s app=%s id=%d type=%s message=%s\n",
			logs.FormatDate(l.At, "YYYY-MM-DD-HH:mm:ssZZ"), l.Name, l.ID, kind, l.Text))
	case devLines:
		stamp := ""
		if v.stamp != "" {
			stamp = logs.FormatDate(l.At, v.stamp) + " "
		}
		v.c.out.data(stamp + v.paint(streamColor(logFile{id: l.ID, stream: l.Stream}), l.Name+"-"+l.ID.String()) + " | " + l.Text + "\n")
	case labelled:
		label := l.ID.String() + "|" + l.Name
		n := utf8.RuneCountInString(label)
		if v.width = max(v.width, 3); n > v.width {
			v.width = n + 1 // PM2's way: from three characters on, one more than the longest so far
		}
		label += blanks(v.width-n) + " | "
		stamp := ""
		if v.stamp != "" {
			stamp = logs.FormatDate(l.At, v.stamp) + " "
		}
		v.c.out.data(stamp + v.paint(streamColor(logFile{id: l.ID, stream: l.Stream}), label) + v.marked(l.Text) + "\n")
	}
}

// rawLine prints a line as it is, on the stream on which the program wrote it.
func (v *logView) rawLine(s app.Stream, text string) {
	if s == app.Err {
		io.WriteString(v.c.env.Stderr, v.marked(text)+"\n")
		return
	}
	v.c.out.data(v.marked(text) + "\n")
}

// jsonLine prints a line as PM2 does.
func (v *logView) jsonLine(l app.Line) {
	out := struct {
		Message   string `json:"message"`
		Timestamp string `json:"timestamp,omitempty"`
		Type      string `json:"type"`
		ID        app.ID `json:"process_id"`
		Name      string `json:"app_name"`
	}{l.Text, v.jsonTime(l.At), string(l.Stream), l.ID, l.Name}
	v.c.out.data(encoded(out))
}

func (v *logView) jsonTime(t time.Time) string {
	switch {
	case t.IsZero():
		return ""
	case v.stamp != "":
		return logs.FormatDate(t, v.stamp)
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// events prints what happens to processes, as PM2 does between the lines of --json: of every app.
func (v *logView) events(ctx context.Context, mu *sync.Mutex) {
	var since uint64
	for ctx.Err() == nil {
		events, err := v.c.client.Events(ctx, since)
		if err == nil {
			for e, err := range events {
				if err != nil {
					break
				}
				if since == 0 && e.At.Before(v.begun) {
					since = e.Seq
					continue // history
				}
				since = e.Seq
				v.event(e, mu)
			}
		}
		select {
		case <-time.After(reconnectMin):
		case <-ctx.Done():
		}
		since = max(since, uint64(v.begun.UnixMicro())) // the numbers of another supervisor are greater
	}
}

func (v *logView) event(e app.Event, mu *sync.Mutex) {
	mu.Lock()
	defer mu.Unlock()
	for _, word := range eventWords(&e) {
		v.c.out.data(encoded(struct {
			Timestamp string `json:"timestamp"`
			Type      string `json:"type"`
			Status    string `json:"status"`
			Name      string `json:"app_name"`
		}{v.jsonTime(e.At), "process_event", word, e.Name}))
	}
}

// eventWords are PM2's words for an event: what happened, and what somebody did who had it happen.
func eventWords(e *app.Event) []string {
	switch e.Kind {
	case app.EventExit, app.EventOverlimit:
		return []string{string(e.Kind)}
	case app.EventReload, app.EventStop, app.EventDelete:
		if e.Manually {
			return []string{string(e.Kind)}
		}
	case app.EventOnline:
		switch {
		case e.Gen == 1:
			return []string{"online", "start"}
		case e.Manually:
			return []string{"online", "restart"}
		}
		return []string{"online"}
	}
	return nil
}

// encoded is v as a line of JSON, with < and > as they are.
func encoded(v any) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return ""
	}
	return b.String()
}
