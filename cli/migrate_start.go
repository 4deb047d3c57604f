package cli

import (
	"fmt"
	"os/exec"
	"strings"

	"weaver/config/home"
)

// startPM2 starts PM2's daemon in its home.
func (c *call) startPM2(program string, in home.Home) error {
	cmd := exec.CommandContext(c.ctx, program, "ping")
	cmd.Dir = c.env.Cwd
	for _, kv := range c.env.Environ {
		if !strings.HasPrefix(kv, "PM2_HOME=") {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	cmd.Env = append(cmd.Env, "PM2_HOME="+in.Dir, "PM2_DISCRETE_MODE=1")
	out, err := cmd.CombinedOutput()
	if err == nil && !home.Answers(in.PM2Socket()) {
		err = fmt.Errorf("it does not answer: %s", strings.TrimSpace(string(out)))
	}
	if err != nil {
		return c.cannot("", "start PM2 by "+program, err)
	}
	return nil
}
