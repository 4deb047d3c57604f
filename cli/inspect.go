package cli

import (
	"strconv"
	"strings"

	"weaver/api"
	"weaver/app"
	"weaver/pm2"
)

// processes returns what the arguments mean, everything without arguments. Looking does not start a daemon: without one
// there is nothing, which is what PM2 says after starting one.
func (c *call) processes(spec bool, args []string) ([]app.Process, error) {
	if err := c.findHome(); err != nil {
		return nil, err
	}
	list, err := c.client.List(c.ctx, spec, "")
	if api.IsDown(err) {
		if up, err := c.daemonOfTheLiving(); !up || err != nil {
			return nil, err
		}
		list, err = c.client.List(c.ctx, spec, "")
	}
	if err != nil || len(args) == 0 {
		return list, err
	}
	wanted := make([]bool, len(list))
	for _, a := range args {
		at, err := app.Selector(a).Match(list, c.env.Cwd)
		if err != nil {
			return nil, pm2Error("", "%v", err)
		}
		if len(at) == 0 && !app.Selector(a).Many() {
			return nil, pm2Error(didYouMean(list, a), "Process or Namespace %s not found", a)
		}
		for _, i := range at {
			wanted[i] = true
		}
	}
	picked := list[:0:0]
	for i := range list {
		if wanted[i] {
			picked = append(picked, list[i])
		}
	}
	return picked, nil
}

// runPID prints one pid a line, 0 for what is stopped, and an empty line for a name that means nothing.
func runPID(c *call) error {
	list, err := c.processes(false, nil)
	if err != nil {
		return err
	}
	if len(c.args) == 0 {
		var b strings.Builder
		for i := range list {
			b.WriteString(strconv.Itoa(list[i].PID) + "\n")
		}
		c.out.data(first(b.String(), "\n")) // PM2 has a line for nobody, too
		return nil
	}
	at, err := app.Selector(c.args[0]).Match(list, c.env.Cwd)
	if err != nil {
		return pm2Error("", "%v", err)
	}
	pids := make([]string, len(at))
	for n, i := range at {
		pids[n] = strconv.Itoa(list[i].PID)
	}
	c.out.data(strings.Join(pids, "\n") + "\n")
	if len(at) == 0 {
		c.out.hint(didYouMean(list, c.args[0]))
	}
	return nil
}

// runID prints the ids of an app as a JavaScript array.
func runID(c *call) error {
	list, err := c.processes(false, nil)
	if err != nil {
		return err
	}
	at, err := app.Selector(c.args[0]).Match(list, c.env.Cwd)
	if err != nil {
		return pm2Error("", "%v", err)
	}
	if len(at) == 0 {
		c.out.data("[]\n")
		c.out.hint(didYouMean(list, c.args[0]))
		return nil
	}
	ids := make([]string, len(at))
	for n, i := range at {
		ids[n] = list[i].ID.String()
	}
	if c.out.json {
		c.out.data("[" + strings.Join(ids, ",") + "]\n")
		return nil
	}
	c.out.data("[ " + strings.Join(ids, ", ") + " ]\n")
	return nil
}

// runEnv prints the environment of the process with an id.
func runEnv(c *call) error {
	list, err := c.processes(true, nil)
	if err != nil {
		return err
	}
	for i := range list {
		if list[i].ID.String() != c.args[0] {
			continue
		}
		if !c.showSecrets() {
			redact(&list[i])
		}
		if c.out.json {
			return c.out.value(list[i].Spec.Env)
		}
		c.out.bytes(pm2.AppendEnvList(nil, &list[i]))
		return nil
	}
	return pm2Error(c.idHint(list, c.args[0]), "Modules with id %s not found", c.args[0])
}

// idHint helps who wrote a name where an id is wanted.
func (c *call) idHint(list []app.Process, name string) string {
	at, _ := app.Selector(name).Match(list, c.env.Cwd)
	if len(at) == 0 {
		return didYouMean(list, name)
	}
	return "its id is " + list[at[0]].ID.String()
}
