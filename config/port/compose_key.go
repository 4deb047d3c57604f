package port

import (
	"strconv"
	"strings"
)

// key sets what a key of a service comes to.
func (c *composed) key(key string, v any) error {
	word, scalar := text(v)
	switch key {
	case "command", "entrypoint", "environment", "env_file":
	case "image", "build":
		c.note(key, "the command runs on this machine, not in an image: what it needs has to be installed here")
	case "working_dir":
		switch dir, ok := c.here(word); {
		case ok:
			c.s.set("cwd", dir)
		case isDir(word):
			c.s.set("cwd", word)
		default:
			c.note(key, "%s is within the container: %s is taken", clip(word), textOf(c.s.get("cwd")))
		}
	case "user":
		user, group, _ := strings.Cut(word, ":")
		c.s.fill("uid", user)
		c.s.fill("gid", group)
	case "restart":
		return c.restart(key, word)
	case "depends_on":
		return c.depends(v)
	case "healthcheck":
		return c.healthcheck(v)
	case "deploy":
		return c.deploy(v)
	case "scale":
		return c.count(key, v, "instances", true)
	case "stop_signal":
		name, ok := signalName(word)
		if !ok {
			return c.fail(key, "unknown signal %q", clip(word))
		}
		c.s.set("kill_signal", name)
	case "stop_grace_period":
		return c.span(&c.s.tree, key, word, "kill_timeout")
	case "cpus":
		return c.cpus(key, word)
	case "mem_limit":
		return c.memory(key, word)
	case "pids_limit":
		return c.count(key, v, "max_pids", false)
	case "oom_score_adj":
		n, err := strconv.Atoi(word)
		if err != nil || n < -1000 || n > 1000 {
			return c.fail(key, "is from -1000 to 1000")
		}
		c.s.addLimit("oom_score_adj", n)
	case "ulimits":
		return c.ulimits(v)
	case "init", "tty", "stdin_open", "pull_policy", "platform":
	case "profiles":
		c.s.set("autostart", false)
		c.note(key, "it is not started with the others: weaver start %s starts it", c.name)
	case "ports":
		c.note(key, "%s: nothing is mapped: the program listens on its own port", flat(v))
	default:
		if strings.HasPrefix(key, "x-") {
			return nil
		}
		if scalar && word != "" {
			c.note(key, "has no counterpart")
			return nil
		}
		c.note(key, "%s has no counterpart", flat(v))
	}
	return nil
}

// flat is a value in few words.
func flat(v any) string {
	switch v := v.(type) {
	case tree:
		var keys []string
		for _, m := range v {
			keys = append(keys, m.key)
		}
		return clip(strings.Join(keys, ", "))
	case []any:
		var list []string
		for _, e := range v {
			list = append(list, flat(e))
		}
		return clip(strings.Join(list, ", "))
	}
	s, _ := text(v)
	return clip(s)
}

func (c *composed) restart(key, word string) error {
	policy, times, limited := strings.Cut(word, ":")
	switch policy {
	case "no", "false", "":
		c.s.set("autorestart", false)
	case "always", "unless-stopped":
	case "on-failure":
		c.s.set("stop_exit_codes", []any{0})
	default:
		return c.fail(key, "%q is no, always, unless-stopped or on-failure", clip(word))
	}
	if limited {
		n, err := strconv.Atoi(times)
		if err != nil || n < 0 || n > 1_000_000 {
			return c.fail(key, "%q is no number", clip(times))
		}
		c.s.set("max_restarts", n)
	}
	return nil
}

func (c *composed) count(key string, v any, to string, zero bool) error {
	word, _ := text(v)
	n, err := strconv.Atoi(word)
	switch {
	case err != nil, n > maxApps:
		return c.fail(key, "%v", errNumber)
	case n < 0, n == 0 && !zero:
		return nil // no limit
	case n == 0:
		c.note(key, "0: one is written, that is not started")
		c.s.set("autostart", false)
	case to == "instances" && n > 1:
		c.s.set("instances", n)
		c.s.set("exec_mode", "fork")
	case to != "instances":
		c.s.set(to, n)
	}
	return nil
}

func (c *composed) span(to *tree, key, word, as string) error {
	d, _, err := span(word)
	if err != nil {
		return c.fail(key, "%q is %v", clip(word), err)
	}
	to.set(as, millis(d))
	return nil
}

func (c *composed) cpus(key, word string) error {
	n, err := strconv.ParseFloat(word, 64)
	if err != nil || !(n >= 0 && n <= 10_000) {
		return c.fail(key, "%v", errNumber)
	}
	if n >= 0.01 {
		c.s.set("max_cpu", n*100)
	}
	return nil
}

func (c *composed) memory(key, word string) error {
	n, err := size(word)
	if err != nil {
		return c.fail(key, "%q is %v", clip(word), err)
	}
	if n > 0 {
		c.s.set("max_memory", bytesText(n))
	}
	return nil
}

// depends takes the names and conditions that mean something to weaver too.
func (c *composed) depends(v any) error {
	depends := tree{}
	take := func(name string, def any) error {
		at := -1
		for i := range c.list {
			if c.list[i].name == name {
				at = i
			}
		}
		switch {
		case at < 0:
			return c.fail("depends_on", "there is no service %s", clip(name))
		case c.list[at].argv == nil:
			c.note("depends_on", "%s cannot run under weaver: it is not waited for", clip(name))
			return nil
		}
		d := tree{{key: "condition", val: "started"}}
		t, _ := def.(tree)
		for _, m := range t {
			switch m.key {
			case "condition":
				word, ok := map[string]string{"service_started": "started", "service_healthy": "healthy", "service_completed_successfully": "completed"}[textOf(m.val)]
				if !ok {
					return c.fail("depends_on", "%s: unknown condition", clip(name))
				}
				d.set("condition", word)
			case "required":
				if m.val == false {
					d.set("required", false)
				}
			default:
				if m.val != false {
					c.note("depends_on", "%s.%s has no counterpart", clip(name), clip(m.key))
				}
			}
		}
		if d.get("condition") == "healthy" && !c.list[at].checked() {
			c.note("depends_on", "%s has no healthcheck here: started is enough", clip(name))
			d.set("condition", "started")
		}
		depends.set(name, d)
		return nil
	}
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			if err := take(textOf(e), nil); err != nil {
				return err
			}
		}
	case tree:
		for _, m := range v {
			if err := take(m.key, m.val); err != nil {
				return err
			}
		}
	default:
		return c.fail("depends_on", "a list or a mapping is wanted")
	}
	c.s.fill("depends_on", depends)
	return nil
}

func (c *composed) ulimits(v any) error {
	t, ok := v.(tree)
	if !ok {
		return c.fail("ulimits", "a mapping is wanted")
	}
	for _, m := range t {
		val := m.val
		if both, ok := val.(tree); ok {
			if val = both.get("soft"); val != both.get("hard") {
				c.note("ulimits", "%s: weaver sets both to the soft one", clip(m.key))
			}
		}
		word, _ := text(val)
		n, err := strconv.Atoi(word)
		_, known := rlimit("Limit" + strings.ToUpper(m.key))
		switch {
		case err != nil:
			return c.fail("ulimits", "%s: %v", clip(m.key), errNumber)
		case !known:
			c.note("ulimits", "%s has no counterpart", clip(m.key))
		case n < 0:
			c.s.addLimit(strings.ToLower(m.key), "unlimited")
		default:
			c.s.addLimit(strings.ToLower(m.key), n)
		}
	}
	return nil
}
