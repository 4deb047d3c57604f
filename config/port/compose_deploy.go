package port

import (
	"strconv"
	"strings"
)

// checked reports a service that says how its health is told.
func (c *composed) checked() bool {
	t, _ := c.def.get("healthcheck").(tree)
	list, _ := t.get("test").([]any)
	return t.has("test") && t.get("disable") != true && !(len(list) == 1 && list[0] == "NONE")
}

// healthcheck becomes a probe that restarts nothing, as compose's does not.
func (c *composed) healthcheck(v any) error {
	t, ok := v.(tree)
	if !ok {
		return c.fail("healthcheck", "a mapping is wanted")
	}
	if !c.checked() {
		if !t.has("test") && t.get("disable") != true {
			c.note("healthcheck", "has no test: that of an image does not run here")
		}
		return nil
	}
	probe := tree{{key: "type", val: "exec"}}
	list, err := c.words("healthcheck.test", t.get("test"))
	if err != nil {
		return err
	}
	line := textOf(t.get("test"))
	if line == "" && len(list) > 1 {
		switch list[0] {
		case "CMD":
			line = shellQuote(list[1:])
		case "CMD-SHELL":
			line = list[1]
		}
	}
	if strings.TrimSpace(line) == "" {
		return c.fail("healthcheck.test", "is a text, or a list that begins with CMD, CMD-SHELL or NONE")
	}
	probe.set("command", line)
	for _, m := range t {
		word, _ := text(m.val)
		to := map[string]string{"interval": "interval", "timeout": "timeout", "start_period": "delay"}[m.key]
		switch {
		case m.key == "test", m.key == "disable":
		case to != "":
			if err := c.span(&probe, "healthcheck."+m.key, word, to); err != nil {
				return err
			}
		case m.key == "retries":
			n, err := strconv.Atoi(word)
			if err != nil || n < 0 || n > 65535 {
				return c.fail("healthcheck.retries", "%v", errNumber)
			}
			probe.set("failure_threshold", n)
		default:
			c.note("healthcheck."+m.key, "has no counterpart")
		}
	}
	probe.set("action", "none")
	c.note("healthcheck", "what is unhealthy is shown as such, as in compose; action: restart has it restarted")
	c.s.set("liveness", probe)
	return nil
}

func (c *composed) deploy(v any) error {
	t, ok := v.(tree)
	if !ok {
		return c.fail("deploy", "a mapping is wanted")
	}
	for _, m := range t {
		inner, _ := m.val.(tree)
		switch m.key {
		case "replicas":
			if err := c.count("deploy.replicas", m.val, "instances", true); err != nil {
				return err
			}
		case "resources":
			for _, part := range inner {
				if part.key != "limits" {
					c.note("deploy.resources."+part.key, "nothing is reserved")
					continue
				}
				limits, _ := part.val.(tree)
				if err := c.limits(limits); err != nil {
					return err
				}
			}
		case "restart_policy":
			if err := c.restartPolicy(inner); err != nil {
				return err
			}
		default:
			c.note("deploy."+m.key, "has no counterpart")
		}
	}
	return nil
}

func (c *composed) limits(t tree) error {
	for _, m := range t {
		word, _ := text(m.val)
		key := "deploy.resources.limits." + m.key
		var err error
		switch m.key {
		case "cpus":
			err = c.cpus(key, word)
		case "memory":
			err = c.memory(key, word)
		case "pids":
			err = c.count(key, m.val, "max_pids", false)
		default:
			c.note(key, "has no counterpart")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *composed) restartPolicy(t tree) error {
	for _, m := range t {
		word, _ := text(m.val)
		key := "deploy.restart_policy." + m.key
		var err error
		switch m.key {
		case "condition":
			policy, ok := map[string]string{"none": "no", "on-failure": "on-failure", "any": "always"}[word]
			if !ok {
				return c.fail(key, "%q is none, on-failure or any", clip(word))
			}
			err = c.restart(key, policy)
		case "delay":
			err = c.span(&c.s.tree, key, word, "restart_delay")
		case "max_attempts":
			err = c.count(key, m.val, "max_restarts", false)
		case "window":
			err = c.span(&c.s.tree, key, word, "restart_window")
		default:
			c.note(key, "has no counterpart")
		}
		if err != nil {
			return err
		}
	}
	return nil
}
