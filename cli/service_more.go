package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"weaver/api"
	"weaver/app"
	"weaver/config"
)

// runServiceReload applies a new configuration or environment to a service, one instance after the other.
func runServiceReload(c *call) error {
	name := c.args[0]
	if !c.given("config") && !c.given("env") {
		return c.tell(api.HotServiceReload)
	}
	up, err := c.daemonUp()
	if err != nil {
		return err
	}
	if !up {
		return c.noService(name)
	}
	list, err := c.client.List(c.ctx, true, "")
	if err != nil {
		return err
	}
	vars, err := config.Vars(c.configContext(), c.list("env"))
	if err != nil {
		return c.reloadError(err)
	}
	r := api.ActRequest{Verb: app.VerbReload, Specs: map[app.ID]app.Spec{}, Parallel: 1}
	for i := range list {
		p := &list[i]
		if p.Name != name {
			continue
		}
		spec := *p.Spec
		if c.given("config") {
			var problems []config.Problem
			spec, problems, err = config.ServiceFile(c.ctx, c.configContext(), c.str("config"), name, config.Flags{})
			if len(r.Targets) == 0 {
				c.serviceProblems(problems)
			}
			if err != nil {
				return c.reloadError(err)
			}
		}
		if spec, err = config.Patch(spec, config.Flags{Vars: vars}, nil, c.configContext()); err != nil {
			return c.reloadError(err)
		}
		r.Specs[p.ID] = spec
		r.Targets = append(r.Targets, app.Selector(p.ID.String()))
	}
	if len(r.Targets) == 0 {
		return c.noService(name)
	}
	err = c.locked([]string{name}, func(fds []int) error {
		return c.quietly("reload", name, func(report func(app.Progress)) error {
			return c.client.Act(c.ctx, r, fds, report)
		})
	})
	if err == nil {
		c.out.data(name + " reloaded" + instances(len(r.Targets)) + "\n")
	}
	return err
}

func (c *call) reloadError(err error) error {
	return &failure{text: fmt.Sprintf("%s: cannot reload %s: %v", program(c.env), c.args[0], err), err: err}
}

// instances is " (N instances)", or nothing for one.
func instances(n int) string {
	if n == 1 {
		return ""
	}
	return " (" + strconv.Itoa(n) + " instances)"
}

func runServiceScale(c *call) error {
	name, word := c.args[0], c.args[1]
	n, err := strconv.Atoi(word)
	if err != nil {
		return &usageError{fmt.Sprintf("%q is no number of instances", word), program(c.env) + " service scale NAME N, +N or -N"}
	}
	r := api.ScaleRequest{Name: name, N: n, Relative: strings.ContainsAny(word[:1], "+-")}
	up, err := c.daemonUp()
	if err != nil {
		return err
	}
	count := 0
	if up {
		if count, err = c.countInstances(name); err != nil {
			return err
		}
	}
	if count == 0 {
		return c.noService(name)
	}
	if same := n == count && !r.Relative || n == 0 && r.Relative; !same { // as many as there are is nothing to do, and no failure
		err = c.locked([]string{name}, func(fds []int) error {
			return c.quietly("scale", name, func(report func(app.Progress)) error {
				return c.client.Scale(c.ctx, r, fds, report)
			})
		})
		if err != nil {
			return err
		}
	}
	if count, err = c.countInstances(name); err != nil {
		return err
	}
	word = " instances"
	if count == 1 {
		word = " instance"
	}
	c.out.data(name + " scaled to " + strconv.Itoa(count) + word + "\n")
	return nil
}

func (c *call) countInstances(name string) (int, error) {
	list, err := c.client.List(c.ctx, false, "")
	n := 0
	for i := range list {
		if list[i].Name == name {
			n++
		}
	}
	return n, err
}

// runServiceLogs prints stored lines, and follows when it is asked to.
func runServiceLogs(c *call) error {
	v, err := c.logView()
	if err != nil {
		return err
	}
	if !c.given("lines") && !c.given("since") {
		v.lines = 100
	}
	if c.bool("stderr") {
		v.stream = app.Err
	}
	if word := c.str("level"); c.given("level") {
		if v.level = levelWords[strings.ToLower(word)]; v.level == 0 {
			return &usageError{message: fmt.Sprintf("option `--level': %q is none of trace, debug, info, warn, error, fatal", word)}
		}
	}
	list, err := c.processes(false, nil)
	if err != nil {
		return err
	}
	found := false
	for i := range list {
		found = found || list[i].Name == c.args[0]
	}
	if !found {
		f := &failure{text: fmt.Sprintf("%s: service %s not found", program(c.env), c.args[0]), hint: didYouMean(list, c.args[0])}
		return f
	}
	if !c.bool("follow") {
		return v.history()
	}
	return v.follow()
}

// runServiceMonitor shows services again and again, and what went wrong.
func runServiceMonitor(c *call) error {
	every, err := c.milliseconds("refresh", time.Second)
	if err != nil {
		return err
	}
	verb := api.HotServiceList
	if len(c.args) > 0 {
		verb = api.HotServiceStatus
	}
	return c.repeat(every, func() error {
		if err := c.ask(verb); err != nil {
			return err
		}
		if !c.bool("alerts") {
			return nil
		}
		return c.ask(api.HotServiceAlerts)
	})
}
