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
	var there []app.Process
	if up {
		if there, err = c.instancesOf(name); err != nil {
			return err
		}
	}
	if len(there) == 0 {
		return c.noService(name)
	}
	count := n
	if r.Relative {
		count += len(there)
	}
	err = c.locked([]string{name}, func(fds []int) error {
		return c.quietly("scale", name, func(report func(app.Progress)) error {
			return c.scaleService(r, there, count, fds, report)
		})
	})
	if err != nil {
		return err
	}
	if count != 0 {
		if there, err = c.instancesOf(name); err != nil {
			return err
		}
		count = len(there)
	}
	word = " instances"
	if count == 1 {
		word = " instance"
	}
	c.out.data(name + " scaled to " + strconv.Itoa(count) + word + "\n")
	return nil
}

// scaleService makes the instances that are there as many as wanted. A service of none is one that is stopped: its record stays.
func (c *call) scaleService(r api.ScaleRequest, there []app.Process, want int, fds []int, report func(app.Progress)) error {
	asleep := want > 0
	for i := range there {
		asleep = asleep && !there[i].Wanted && there[i].PID == 0
	}
	if want == 0 {
		r.N, r.Relative = 1, false
	}
	same := want == len(there) || want == 0 && len(there) == 1 // nothing to do, and no failure
	if !same {
		if err := c.client.Scale(c.ctx, r, fds, report); err != nil {
			return err
		}
	}
	if want != 0 && !asleep {
		return nil
	}
	left, err := c.instancesOf(r.Name)
	if err != nil {
		return err
	}
	a := api.ActRequest{Verb: app.VerbStop}
	if asleep {
		a.Verb = app.VerbStart
	}
	for i := range left {
		a.Targets = append(a.Targets, app.Selector(left[i].ID.String()))
	}
	return c.client.Act(c.ctx, a, fds, report)
}

func (c *call) instancesOf(name string) ([]app.Process, error) {
	list, err := c.client.List(c.ctx, false, "")
	out := list[:0]
	for i := range list {
		if list[i].Name == name {
			out = append(out, list[i])
		}
	}
	return out, err
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
