package cli

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"weaver/api"
	"weaver/app"
)

func runStop(c *call) error   { return c.act(app.VerbStop) }
func runDelete(c *call) error { return c.act(app.VerbDelete) }
func runReset(c *call) error  { return c.act(app.VerbReset) }

// act applies a verb that needs nothing but targets, and shows the list.
func (c *call) act(verb app.Verb) error {
	r, err := c.request(verb, nil)
	if err != nil {
		return err
	}
	if r.Targets, err = c.targets(c.args); err != nil {
		return err
	}
	if len(r.Targets) == 0 { // a file whose apps are all gone already
		return c.after(nil)
	}
	return c.after(c.applyLocked(r))
}

// request is the request for a verb, with what the flags of every verb say.
func (c *call) request(verb app.Verb, targets []app.Selector) (api.ActRequest, error) {
	r := api.ActRequest{Verb: verb, Targets: targets, Cwd: c.env.Cwd}
	what, word := "option `--parallel'", c.str("parallel")
	if !c.given("parallel") {
		what, word = "PM2_CONCURRENT_ACTIONS", c.env.Getenv("PM2_CONCURRENT_ACTIONS")
	}
	if word == "" && !c.given("parallel") {
		return r, nil
	}
	n, err := strconv.Atoi(word)
	if err != nil || n < 1 {
		return r, &usageError{message: fmt.Sprintf("%s needs a number above 0, not %q", what, word)}
	}
	r.Parallel = n
	return r, nil
}

// applyLocked takes the locks of the apps that the targets mean, and has the daemon apply the verb.
func (c *call) applyLocked(r api.ActRequest) error {
	names, err := c.appNames(r.Targets, r.Cwd)
	if err != nil {
		return err
	}
	return c.locked(names, func(fds []int) error {
		return c.report(func(report func(app.Progress)) error {
			return c.client.Act(c.ctx, r, fds, report)
		})
	})
}

// report runs an operation, prints its progress, and makes an error of its failures.
func (c *call) report(run func(report func(app.Progress)) error) error {
	failed := false
	err := run(func(p app.Progress) {
		failed = failed || p.Step == app.StepFailed
		c.out.progress(p)
	})
	var answer *api.Error
	switch {
	case errors.As(err, &answer):
		return &failure{text: "[PM2][ERROR] " + answer.Message, hint: answer.Hint, err: err}
	case err != nil:
		return err
	case failed:
		return errReported
	}
	return nil
}

// appNames are the names of the apps that the targets mean: what is to be locked. What means nothing is left out; the
// daemon will say so when its turn comes.
func (c *call) appNames(targets []app.Selector, cwd string) ([]string, error) {
	list, err := c.client.List(c.ctx, false, cwd, targets...)
	if err != nil && len(targets) > 1 && isAnswer(err) {
		list, err = nil, nil
		for _, t := range targets {
			some, err := c.client.List(c.ctx, false, cwd, t)
			if err != nil && !isAnswer(err) {
				return nil, err
			}
			list = append(list, some...)
		}
	}
	if err != nil && !isAnswer(err) {
		return nil, err
	}
	names := make([]string, 0, len(list))
	for i := range list {
		names = append(names, list[i].Name)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// isAnswer reports that a daemon said no, rather than nothing.
func isAnswer(err error) bool {
	var answer *api.Error
	return errors.As(err, &answer)
}

// targets turns arguments into selectors, and sees that a daemon runs to apply them. A config file, or "-", stands for
// those of its apps that exist.
func (c *call) targets(args []string) ([]app.Selector, error) {
	var meant []string
	fromFile := map[int]bool{} // which of them are names that a file has
	for _, a := range args {
		if !c.isFile(a) {
			meant = append(meant, a)
			continue
		}
		loaded, err := c.load(a)
		if err != nil {
			return nil, err
		}
		c.schedules(loaded.Apps...) // PM2 says so whenever it reads a file
		for _, name := range loaded.Names() {
			fromFile[len(meant)] = true
			meant = append(meant, name)
		}
	}
	if err := c.ensureDaemon(); err != nil {
		return nil, err
	}
	var list []app.Process
	if len(fromFile) > 0 {
		var err error
		if list, err = c.client.List(c.ctx, false, ""); err != nil {
			return nil, err
		}
	}
	var out []app.Selector
	for i, name := range meant {
		s := app.Selector(name)
		if !fromFile[i] {
			out = append(out, s)
			continue
		}
		exists := slices.ContainsFunc(list, func(p app.Process) bool { return p.Name == name })
		if exists && !slices.Contains(out, s) {
			out = append(out, s)
			if c.out.quiet == nil {
				c.out.quiet = map[string]bool{}
			}
			c.out.quiet[name] = true
		}
	}
	return out, nil
}

// after shows what the list looks like now, as PM2 does after every change, and passes err on.
func (c *call) after(err error) error {
	if err != nil && !errors.Is(err, errReported) {
		return err
	}
	if c.out.json {
		list, listErr := c.client.List(c.ctx, false, "")
		if listErr != nil {
			return listErr
		}
		return errors.Join(c.out.value(c.out.outcome(list)), err)
	}
	if err != nil || c.out.silent {
		return err // PM2 shows no table after a failure
	}
	return c.table()
}

func runScale(c *call) error {
	name, word := c.args[0], c.args[1]
	n, err := strconv.Atoi(word)
	if err != nil {
		if list, listErr := c.client.List(c.ctx, false, ""); listErr == nil && !slices.ContainsFunc(list, func(p app.Process) bool { return p.Name == name }) {
			return pm2Error("", "Application %s not found", name)
		}
		return pm2Error(fmt.Sprintf("%q is no number of instances: N, +N or -N", word), "Nothing to do")
	}
	r := api.ScaleRequest{Name: name, N: n, Relative: strings.ContainsAny(word[:1], "+-")}
	if err := c.ensureDaemon(); err != nil {
		return err
	}
	return c.after(c.locked([]string{name}, func(fds []int) error {
		return c.report(func(report func(app.Progress)) error {
			return c.client.Scale(c.ctx, r, fds, report)
		})
	}))
}

func runSignal(c *call) error {
	r, err := c.request(app.VerbSignal, nil)
	if err != nil {
		return err
	}
	r.Signal = c.args[0]
	if r.Targets, err = c.targets(c.args[1:]); err != nil {
		return err
	}
	return c.after(c.applyLocked(r))
}
