package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"weaver/config"
)

// deployFiles are where the section is looked for, in this order, as in PM2.
var deployFiles = []string{
	"ecosystem.json", "ecosystem.yml", "ecosystem.yaml", "ecosystem.config.js", "ecosystem.config.cjs", "ecosystem.config.mjs",
	"ecosystem.json5", "package.json",
}

// target is one environment of a deploy section.
type deployTarget struct {
	name string // of the environment
	file string // that it is from, as the hooks name it

	User       string                     `json:"user"`
	Host       oneOrMany                  `json:"host"`
	Port       textual                    `json:"port"`
	Key        string                     `json:"key"`
	SSHOptions oneOrMany                  `json:"ssh_options"`
	Forward    truth                      `json:"forward-agent"`
	NeedsTTY   truth                      `json:"needs_tty"`
	Repo       string                     `json:"repo"`
	Ref        string                     `json:"ref"`
	Path       string                     `json:"path"`
	Fetch      string                     `json:"fetch"`
	Env        map[string]json.RawMessage `json:"env"`

	PreSetup       string `json:"pre-setup"`
	PostSetup      string `json:"post-setup"`
	PreDeployLocal string `json:"pre-deploy-local"`
	PreDeploy      string `json:"pre-deploy"`
	PostDeploy     string `json:"post-deploy"`
}

// oneOrMany is a text or several.
type oneOrMany []string

func (o *oneOrMany) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*o = nil
		if one != "" {
			*o = []string{one}
		}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(o))
}

// textual is a text or a number.
type textual string

func (t *textual) UnmarshalJSON(data []byte) error {
	*t = textual(strings.Trim(string(data), `"`))
	if *t == "null" {
		*t = ""
	}
	return nil
}

// truth is a boolean, or a text that means one.
type truth bool

func (t *truth) UnmarshalJSON(data []byte) error {
	word := strings.Trim(string(data), `"`)
	*t = word != "false" && word != "null" && word != "0" && word != ""
	return nil
}

const deployHelp = `
  Commands:
    setup                run remote setup commands
    update               update deploy to the latest release
    revert [n]           revert to [n]th last deployment or 1
    curr[ent]            output current release commit
    prev[ious]           output previous release commit
    exec|run <cmd>       execute the given <cmd>
    list                 list previous deploy commits
    [ref]                deploy to [ref], the "ref" setting, or latest tag
`

// runDeploy works on the hosts of an environment, over ssh.
func runDeploy(c *call) error {
	args := c.args
	file := ""
	if config.IsConfigFile(args[0]) {
		file, args = args[0], args[1:]
	} else {
		for _, name := range deployFiles {
			if _, err := os.Stat(c.abs(name)); err == nil {
				file = name
				break
			}
		}
		if file == "" {
			return pm2Error("", "Not any default deployment file exists. Allowed default config file names are: %s", strings.Join(deployFiles, ", "))
		}
	}
	if len(args) == 0 || args[0] == "help" {
		c.out.data("\n" + deployHelp + "\n")
		return nil
	}
	targets, err := c.deployTargets(file, args[0])
	if err != nil {
		return err
	}
	for i := range targets {
		d := deployment{c: c, t: &targets[i]}
		if err := d.run(args[1:]); err != nil {
			c.out.fail("\nDeploy failed")
			return pm2Error("", "%v", err)
		}
	}
	c.out.say("--> Success\n")
	return nil
}

// deployTargets reads the environment of a file, once for each of its hosts.
func (c *call) deployTargets(file, name string) ([]deployTarget, error) {
	loaded, err := config.Load(c.ctx, c.fileContext(), file, config.Flags{})
	if err != nil && loaded.Deploy == nil {
		return nil, c.configError(err)
	}
	var section map[string]json.RawMessage
	if loaded.Deploy != nil {
		if err := json.Unmarshal(loaded.Deploy, &section); err != nil {
			return nil, c.cannot("", `read the section "deploy" of `+file, err)
		}
	}
	data, ok := section[name]
	if !ok {
		c.out.fail(name + " environment is not defined in " + file + " file")
		return nil, errReported
	}
	t := deployTarget{name: name, file: filepath.Base(file)}
	if err := json.Unmarshal(data, &t); err != nil {
		return nil, c.cannot("", "read the environment "+name+" of "+file, err)
	}
	for _, need := range []struct{ key, value string }{
		{"host", strings.Join(t.Host, "")}, {"repo", t.Repo}, {"path", t.Path}, {"ref", t.Ref},
	} {
		if need.value == "" {
			c.out.fail("Deploy failed")
			return nil, pm2Error("", "Missing required property: %s", need.key)
		}
	}
	var all []deployTarget
	for _, host := range t.Host {
		one := t
		one.Host = oneOrMany{host}
		all = append(all, one)
	}
	return all, nil
}

// deployment is the work on one host.
type deployment struct {
	c *call
	t *deployTarget
}

func (d *deployment) run(words []string) error {
	command := ""
	if len(words) > 0 {
		command = words[0]
	}
	rest := ""
	if len(words) > 1 {
		rest = strings.Join(words[1:], " ")
	}
	d.c.out.say("--> Deploying to " + d.t.name + " environment\n--> on host " + d.t.Host[0] + "\n")
	switch command {
	case "setup":
		return d.setup()
	case "exec", "run":
		if rest == "" {
			return errors.New("which command is missing")
		}
		return d.remote("cd "+d.path("current")+" && "+d.exports()+rest, nil)
	case "curr", "current":
		return d.remote("cd "+d.path("current")+" && git rev-parse --short HEAD", nil)
	case "prev", "previous":
		return d.remote("tail -n 2 "+d.path(".deploys")+" | head -n 1", nil)
	case "list":
		return d.remote("tac "+d.path(".deploys")+" | awk '{printf \"%d\\t%s\\n\", NR-1, $0}'", nil)
	case "revert":
		return d.revert(rest)
	case "update", "":
		return d.update(d.t.Ref)
	case "ref":
		if rest == "" {
			return errors.New("which ref is missing")
		}
		return d.update(rest)
	}
	return d.update(command)
}

// path is one below the deployment's, as a word of the remote shell. A leading ~ is that shell's to expand.
func (d *deployment) path(name string) string {
	base := strings.TrimRight(d.t.Path, "/")
	if base == "~" || strings.HasPrefix(base, "~/") {
		return `"$HOME"` + shellWord(base[1:]+"/"+name)
	}
	return shellWord(base + "/" + name)
}

func (d *deployment) setup() error {
	if d.t.PreSetup != "" {
		d.say("executing pre-setup `" + d.t.PreSetup + "`")
		if err := d.remote(d.exports()+d.t.PreSetup, nil); err != nil {
			return fmt.Errorf("pre-setup: %w", err)
		}
	}
	d.say("running setup")
	d.say("cloning " + d.t.Repo)
	depth, kind := "", "full"
	if d.t.Fetch == "fast" {
		depth, kind = "--depth=5 ", "fast"
	}
	d.say(kind + " fetch")
	err := d.remote("mkdir -p "+d.path("shared/logs")+" "+d.path("shared/pids")+" && git clone "+depth+"-q -- "+shellWord(d.t.Repo)+" "+d.path("source")+
		" && ln -sfn "+d.path("source")+" "+d.path("current"), nil)
	if err != nil {
		return fmt.Errorf("setup: %w", err)
	}
	if d.t.PostSetup != "" {
		d.say("executing post-setup `" + d.t.PostSetup + "`")
		if err := d.remote("cd "+d.path("current")+" && "+d.exports()+d.t.PostSetup, nil); err != nil {
			return fmt.Errorf("post-setup: %w", err)
		}
	}
	d.say("setup complete")
	return nil
}

// update deploys ref: a branch, a tag or a commit.
func (d *deployment) update(ref string) error {
	if !d.c.bool("force") {
		if err := d.clean(); err != nil {
			return err
		}
	}
	d.c.out.say("\n")
	d.say("deploying " + ref)
	if d.t.PreDeployLocal != "" {
		d.say("executing pre-deploy-local")
		if err := d.local(d.t.PreDeployLocal); err != nil {
			return fmt.Errorf("pre-deploy-local: %w", err)
		}
	}
	source := "cd " + d.path("source") + " && "
	if d.t.PreDeploy != "" {
		d.say("executing pre-deploy `" + d.t.PreDeploy + "`")
		if err := d.remote("cd "+d.path("current")+" && "+d.exports()+d.t.PreDeploy, nil); err != nil {
			return fmt.Errorf("pre-deploy: %w", err)
		}
	}
	d.say("fetching updates")
	fetch, kind := "git fetch --all --tags -q", "full"
	if d.t.Fetch == "fast" {
		fetch, kind = "git fetch --depth=5 --all --tags -q", "fast"
	}
	d.say(kind + " fetch")
	if err := d.remote(source+fetch, nil); err != nil {
		return fmt.Errorf("fetch: %w", err)
	}
	d.say("resetting HEAD to " + ref)
	return d.release(ref)
}

// release makes ref the current one, and runs what is to run then.
func (d *deployment) release(ref string) error {
	source := "cd " + d.path("source") + " && "
	err := d.remote(source+"git reset --hard "+shellWord(ref)+" -- && ln -sfn "+d.path("source")+" "+d.path("current")+
		" && git rev-parse HEAD >> "+d.path(".deploys"), nil)
	if err != nil {
		return fmt.Errorf("reset to %s: %w", ref, err)
	}
	hook := d.t.PostDeploy
	if hook == "" {
		hook = program(d.c.env) + " startOrRestart " + shellWord(d.t.file) + " --env " + shellWord(d.t.name)
	}
	hook = d.exports() + hook
	d.say("executing post-deploy `" + hook + "`")
	if err := d.remote("cd "+d.path("current")+" && "+hook, nil); err != nil {
		return fmt.Errorf("post-deploy: %w", err)
	}
	d.say("successfully deployed " + ref)
	return nil
}

// revert goes back by n releases, one without a number.
func (d *deployment) revert(word string) error {
	n := 1
	if word != "" {
		var err error
		if n, err = strconv.Atoi(word); err != nil || n < 1 {
			return fmt.Errorf("revert by %q: not a number from 1", word)
		}
	}
	var out strings.Builder
	if err := d.remote("tail -n "+strconv.Itoa(n+1)+" "+d.path(".deploys")+" | head -n 1", &out); err != nil {
		return err
	}
	ref := strings.TrimSpace(out.String())
	if ref == "" {
		return errors.New("there is no earlier release")
	}
	d.say("reverting " + strconv.Itoa(n) + " deploy(s) to " + ref)
	return d.release(ref)
}

// clean refuses to deploy what others do not have: changes that are not committed, or not pushed.
func (d *deployment) clean() error {
	git := func(args ...string) (string, error) {
		cmd := exec.CommandContext(d.c.ctx, "git", args...)
		cmd.Dir, cmd.Env = d.c.env.Cwd, d.c.env.Environ
		out, err := cmd.Output()
		return strings.TrimSpace(string(out)), err
	}
	if in, err := git("rev-parse", "--is-inside-work-tree"); err != nil || in != "true" {
		return nil //nolint:nilerr // the config need not live in a repository
	}
	if changed, err := git("status", "--porcelain", "--untracked-files=no"); err != nil || changed != "" {
		return errors.Join(err, errors.New("commit your changes, or use --force: there are some that are not committed"))
	}
	ahead, err := git("rev-list", "@{upstream}..HEAD")
	if err == nil && ahead != "" {
		return errors.New("push your changes, or use --force: there are commits that are not pushed")
	}
	return nil
}

// exports set the environment of the section, in capitals as PM2 does.
func (d *deployment) exports() string {
	var b strings.Builder
	for _, key := range sortedKeys(d.t.Env) {
		var v any
		value := string(d.t.Env[key])
		if json.Unmarshal(d.t.Env[key], &v) == nil {
			if s, ok := v.(string); ok {
				value = s
			}
		}
		b.WriteString("export " + strings.ToUpper(key) + "=" + shellWord(value) + " && ")
	}
	return b.String()
}

func (d *deployment) say(text string) { d.c.out.say("  \u25cb " + text + "\n") }

// local runs a line in a shell here.
func (d *deployment) local(line string) error { return d.execute([]string{"sh", "-c", line}, nil) }

// remote runs a line in a shell of the host; localhost is this machine, without ssh, as in PM2.
func (d *deployment) remote(line string, out io.Writer) error {
	line = "set -e; " + line
	if d.t.Host[0] == "localhost" {
		return d.execute([]string{"sh", "-c", line}, out)
	}
	return d.execute(append(d.ssh(), "sh -c "+shellWord(line)), out)
}

// ssh is the command that reaches the host.
func (d *deployment) ssh() []string {
	words := []string{"ssh"}
	for _, o := range d.t.SSHOptions {
		words = append(words, "-o", strings.TrimPrefix(o, "-o "))
	}
	if d.t.Key != "" {
		words = append(words, "-i", d.c.expand(d.t.Key))
	}
	if d.t.Port != "" {
		words = append(words, "-p", string(d.t.Port))
	}
	if d.t.Forward {
		words = append(words, "-A")
	}
	if d.t.NeedsTTY {
		words = append(words, "-t")
	}
	host := d.t.Host[0]
	if d.t.User != "" {
		host = d.t.User + "@" + host
	}
	return append(words, "--", host)
}

func (d *deployment) execute(words []string, out io.Writer) error {
	cmd := exec.CommandContext(d.c.ctx, words[0], words[1:]...)
	cmd.Dir, cmd.Env = d.c.env.Cwd, d.c.env.Environ
	cmd.Stdin, cmd.Stdout, cmd.Stderr = nil, d.c.env.Stdout, d.c.env.Stderr
	if d.t.NeedsTTY {
		cmd.Stdin = d.c.env.Stdin
	}
	if out != nil {
		cmd.Stdout = out
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	err := cmd.Run()
	if d.c.ctx.Err() != nil {
		return context.Cause(d.c.ctx)
	}
	return err
}

// expand turns a leading ~ into the user's home.
func (c *call) expand(path string) string {
	rest, ok := strings.CutPrefix(path, "~/")
	if !ok {
		return path
	}
	base := c.env.Getenv("HOME")
	if base == "" {
		if u, err := user.Current(); err == nil {
			base = u.HomeDir
		}
	}
	return filepath.Join(base, rest)
}

// shellWord quotes s as one word of a POSIX shell.
func shellWord(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./:@=+,", r)
	}
	if s != "" && !slices.ContainsFunc([]rune(s), func(r rune) bool { return !plain(r) }) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
