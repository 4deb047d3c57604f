package cli

import (
	"errors"
	"os"

	"weaver/cli/monit"
)

// runMonit shows the terminal dashboard until q is pressed.
func runMonit(c *call) error {
	in, inOK := c.env.Stdin.(*os.File)
	out, outOK := c.env.Stdout.(*os.File)
	if _, tty := c.env.IsTerminal(c.env.Stdout); !inOK || !outOK || !tty {
		return c.cannot(program(c.env)+" list --watch needs none", "show the dashboard", errors.New("standard output is no terminal"))
	}
	if _, tty := c.env.IsTerminal(c.env.Stdin); !tty {
		return c.cannot(program(c.env)+" list --watch needs none", "show the dashboard", errors.New("standard input is no terminal"))
	}
	if err := c.ensureDaemon(); err != nil {
		return err
	}
	return monit.Run(c.ctx, monit.Options{Client: c.client, In: in, Out: out, Color: c.out.color})
}
