package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"weaver/api"
	"weaver/app"
)

// unreached is what PM2 says when a trigger was for nobody.
const unreached = "Not any process has received a command (offline or unexistent)"

func runTrigger(c *call) error {
	r := api.TriggerRequest{Target: c.args[0], Action: c.args[1]}
	if len(c.args) > 2 {
		opts, err := json.Marshal(c.args[2]) // a string, whatever is in it, as PM2 sends it
		if err != nil {
			return err
		}
		r.Opts = opts
	}
	var replies []api.TriggerLine
	err := c.trigger(r, func(l api.TriggerLine) {
		switch {
		case c.out.json:
			replies = append(replies, l)
		case l.Count > 0:
			c.out.data(fmt.Sprintf("%d processes have received command %s\n", l.Count, r.Action))
		case l.Error == "":
			c.out.data(fmt.Sprintf("[%s:%s:%s]=%s\n", l.Name, l.ID, l.Namespace, l.Return))
		}
	})
	if c.out.json && (err == nil || errors.Is(err, errReported)) {
		if len(replies) > 0 {
			replies = replies[1:] // the first one counts them
		}
		return errors.Join(c.out.value(replies), err)
	}
	return err
}

// trigger has programs do something and calls heard with each line of the answer.
func (c *call) trigger(r api.TriggerRequest, heard func(api.TriggerLine)) error {
	if err := c.ensureDaemon(); err != nil {
		return err
	}
	lines, err := c.client.Trigger(c.ctx, r)
	var answer *api.Error
	if errors.As(err, &answer) {
		return &failure{text: answer.Message, hint: answer.Hint, err: err}
	}
	if err != nil {
		return err
	}
	failed, reached := false, false
	for l, err := range lines {
		if err != nil {
			return fmt.Errorf("wait for answers: %w", err)
		}
		if l.Error != "" {
			failed = true
			c.out.note("[%s:%s:%s] %s", l.Name, l.ID, l.Namespace, l.Error)
		}
		reached = reached || l.Count > 0
		if reached {
			heard(l)
		}
	}
	switch {
	case !reached:
		return &failure{text: unreached}
	case failed:
		return errReported
	}
	return nil
}

// processID reads an argument that PM2 wants to be a number.
func processID(word string) (app.ID, bool) {
	n, err := strconv.Atoi(word)
	return app.ID(n), err == nil && n >= 0
}

func runSend(c *call) error {
	if err := c.ensureDaemon(); err != nil {
		return err
	}
	id, ok := processID(c.args[0])
	if !ok {
		return pm2Error("send takes the number of a process", "Error: Process with ID <%s> unknown.", c.args[0])
	}
	err := c.client.Send(c.ctx, id, c.args[1]+"\n")
	var answer *api.Error
	if errors.As(err, &answer) {
		return pm2Error(answer.Hint, "Error: %s", answer.Message)
	}
	return c.after(err)
}

// runAttach ends with what is typed, as in PM2, or when it is interrupted.
func runAttach(c *call) error {
	id, ok := processID(c.args[0])
	if !ok {
		return &failure{text: "pm_id must be a process number (not a process name)"}
	}
	if err := c.ensureDaemon(); err != nil {
		return err
	}
	if _, err := c.client.List(c.ctx, false, "", app.Selector(c.args[0])); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	lines, err := c.client.Follow(ctx, "", app.Selector(c.args[0]))
	if err != nil {
		return err
	}
	typed := make(chan error, 1)
	go func() { // ends with the input, or with this process
		typed <- c.feed(ctx, id)
		cancel()
	}()
	v := logView{c: c, ctx: ctx, form: rawLines}
	for l, err := range lines {
		if err != nil {
			break // the input has ended, or the supervisor
		}
		if l.ID == id {
			v.line(l)
		}
	}
	select {
	case err := <-typed:
		return err
	default:
		return nil
	}
}

// feed writes what is typed to a process's standard input, a line at a time.
func (c *call) feed(ctx context.Context, id app.ID) error {
	separator := "\n"
	if len(c.args) > 1 {
		separator = c.args[1]
	}
	in := bufio.NewReader(c.env.Stdin)
	for {
		line, err := in.ReadString('\n')
		if text, whole := strings.CutSuffix(line, "\n"); text != "" || whole {
			if err := c.client.Send(ctx, id, text+separator); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read standard input: %w", err)
		}
	}
}

// runInspect says whether it worked and succeeds either way, as in PM2.
func runInspect(c *call) error {
	done := false
	err := c.trigger(api.TriggerRequest{Target: c.args[0], Action: "internal:inspect", Inner: true}, func(l api.TriggerLine) {
		var r struct {
			Success bool   `json:"success"`
			URL     string `json:"url"`
		}
		if json.Unmarshal(l.Return, &r) != nil || !r.Success {
			return
		}
		done = true
		c.out.data(fmt.Sprintf("Inspect mode enabled on %s (%s): go to chrome://inspect, or connect to %s\n", l.Name, l.ID, r.URL))
	})
	var f *failure
	if err != nil && !errors.As(err, &f) && !errors.Is(err, errReported) {
		return err
	}
	if !done {
		if f != nil {
			c.out.note("%s", f.text)
		}
		c.out.data("Unable to activate inspect mode on " + c.args[0] + " !!!\n")
	}
	return nil
}

func runProfileCPU(c *call) error { return c.profile("cpu", "CPU") }
func runProfileMem(c *call) error { return c.profile("heap", "MEM") }

// profileTime is how long a profile takes unless it is said.
const profileTime = 10 * time.Second

// profile takes a profile of an app, or of the supervisor. One number alone is a time, as in PM2.
func (c *call) profile(kind, word string) error {
	target, span := "", profileTime
	args := c.args
	if len(args) == 2 || len(args) == 1 && !isNumber(args[0]) {
		target, args = args[0], args[1:]
	}
	if len(args) > 0 {
		ms, err := strconv.Atoi(args[0])
		if err != nil || ms < 1 {
			return &usageError{message: fmt.Sprintf("a profile needs a time in milliseconds, not %q", args[0])}
		}
		span = time.Duration(ms) * time.Millisecond
	}
	if err := c.ensureDaemon(); err != nil {
		return err
	}
	c.out.data(fmt.Sprintf("Starting profile%s profiling for %dms...\n", word, span.Milliseconds()))
	now := time.Now()
	file := filepath.Join(c.env.Cwd, now.Weekday().String()[:2]+now.Format("-15:04:05")) // PM2's name for it
	if target == "" {
		file += "." + kind + ".pprof"
		data, err := c.client.Profile(c.ctx, kind, span)
		if err != nil {
			return err
		}
		if err := os.WriteFile(file, data, 0o600); err != nil {
			return err
		}
		c.out.data("Profile done in " + file + "\n")
		return nil
	}
	return c.profileApp(target, kind, span, file+"."+kind+"profile")
}

// profileApp has Node apps profile themselves. They write the file, with their own rights.
func (c *call) profileApp(target, kind string, span time.Duration, file string) error {
	list, err := c.client.List(c.ctx, false, "", app.Selector(target))
	if err != nil {
		return err
	}
	var last error
	for i := range list {
		name := file
		if len(list) > 1 {
			name = strings.TrimSuffix(file, filepath.Ext(file)) + "-" + list[i].ID.String() + filepath.Ext(file)
		}
		opts, err := json.Marshal(map[string]any{"kind": kind, "ms": span.Milliseconds(), "file": name})
		if err != nil {
			return err
		}
		r := api.TriggerRequest{
			Target: list[i].ID.String(), Action: "weaver:profile", Opts: opts, Inner: true, Wait: app.Duration(span + time.Minute),
		}
		err = c.trigger(r, func(l api.TriggerLine) {
			var result struct {
				Success   bool
				Err, File string
			}
			switch {
			case l.Count > 0 || l.Error != "":
			case json.Unmarshal(l.Return, &result) == nil && result.Success:
				c.out.data("Profile done in " + result.File + "\n")
			default:
				last = pm2Error("", "%s", result.Err)
			}
		})
		var f *failure
		if errors.As(err, &f) {
			err = pm2Error("it takes a Node app that runs, without --no-pmx", "%s (%s) cannot be profiled", list[i].Name, list[i].ID)
		}
		if err != nil {
			last = err
		}
	}
	return last
}
