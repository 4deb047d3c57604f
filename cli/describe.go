package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"weaver/api"
	"weaver/app"
	"weaver/pm2"
)

// runDescribe shows everything about processes. A name that means nothing is an error, in PM2's words.
func runDescribe(c *call) error {
	all, err := c.descriptions()
	if err != nil && len(all) == 0 {
		return err
	}
	if !c.showSecrets() {
		for i := range all {
			redactArguments(&all[i])
		}
	}
	if c.out.json {
		if !c.showSecrets() {
			for i := range all {
				redact(&all[i].Process)
			}
		}
		return errors.Join(c.out.value(all), err)
	}
	var text []byte
	for i := range all {
		text = pm2.AppendDescribe(text, &all[i].Process, c.describeOptions(&all[i]))
	}
	c.out.bytes(text)
	return err
}

// descriptions asks about the processes that the arguments mean. With an error it returns those that were asked about before.
func (c *call) descriptions() ([]api.Description, error) {
	if err := c.findHome(); err != nil {
		return nil, err
	}
	var all []api.Description
	for _, name := range c.args {
		found, err := c.client.Describe(c.ctx, app.Selector(name))
		if err != nil && (!isAnswer(err) || forbidden(err)) && !api.IsDown(err) {
			return nil, err
		}
		if len(found) == 0 {
			f := &failure{text: fmt.Sprintf("[PM2][WARN] %s doesn't exist", name)}
			var answer *api.Error
			if errors.As(err, &answer) {
				f.hint = answer.Hint
			}
			return all, f
		}
		all = append(all, found...)
	}
	return all, nil
}

func (c *call) describeOptions(d *api.Description) pm2.DescribeOptions {
	return pm2.DescribeOptions{
		Width: c.out.cols, Color: c.out.color, Unicode: true, Program: program(c.env),
		ShowSecrets: c.showSecrets(), Extra: extraRows(d), Recent: d.Events, Local: app.ParseEnviron(c.env.Environ),
	}
}

// sparesText says what spare workers there are.
func sparesText(warm int, list []app.Spare) string {
	ready := 0
	var words []string
	for _, s := range list {
		if s.State == app.SpareReady {
			ready++
		}
		words = append(words, fmt.Sprintf("pid %d %s", s.PID, s.State))
	}
	text := fmt.Sprintf("%d of %d ready", ready, warm)
	if len(words) > 0 {
		text += " (" + strings.Join(words, ", ") + ")"
	}
	return text
}

// extraRows are what only weaver knows: what runs below a service, and what it listens on.
func extraRows(d *api.Description) []pm2.Row {
	var rows []pm2.Row
	if len(d.Ports) > 0 {
		rows = append(rows, pm2.Row{Name: "ports", Text: strings.Join(d.Ports, ", ")})
	}
	if d.OpenFiles > 0 {
		rows = append(rows, pm2.Row{Name: "open files", Text: strconv.Itoa(d.OpenFiles)})
	}
	if d.Connections > 0 {
		rows = append(rows, pm2.Row{Name: "connections", Text: strconv.Itoa(d.Connections)})
	}
	if warm := d.Process.Spec.Warm; warm > 0 {
		rows = append(rows, pm2.Row{Name: "spares", Text: sparesText(warm, d.Spares)})
	}
	if d.Config != nil {
		rows = append(rows, pm2.Row{Name: "config file", Text: configText(d.Config)})
	}
	for i, p := range d.Tree {
		name := ""
		if i == 0 {
			name = "process tree"
		}
		rows = append(rows, pm2.Row{Name: name, Text: fmt.Sprintf("%d %s (%s)", p.PID, p.Command, pm2.Memory(p.Memory))})
	}
	for _, key := range sortedKeys(d.Git) {
		rows = append(rows, pm2.Row{Name: "git " + key, Text: d.Git[key]})
	}
	return rows
}
