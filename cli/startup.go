package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"

	"weaver/cli/boot"
	"weaver/config/home"
)

func startupFlags() []flag {
	return []flag{{name: "verify", help: "check what is installed, and change nothing"}}
}

// runStartup has the init system start the supervisor at boot, in PM2's words.
func runStartup(c *call) error {
	in, err := c.installation("startup", "setup")
	if err != nil {
		return err
	}
	root := c.env.Getenv("DESTDIR")
	if c.bool("verify") {
		return c.verifyBoot(in, root)
	}
	c.out.say("Platform " + in.System + "\nTemplate\n" + in.Files[0].Text + "\nTarget path\n" + root + in.Files[0].Path + "\nCommand list\n" + jsList(in.Enable) + "\n")
	for _, f := range in.Files {
		c.out.talk("Writing init configuration in %s", root+f.Path)
		c.alters(root + f.Path)
		if err := install(root+f.Path, f); err != nil {
			return pm2Error("", "Failure when trying to write startup script: %v", err)
		}
	}
	c.out.talk("Making script booting at startup...")
	if root != "" {
		c.out.talk("DESTDIR is set: nothing is executed")
		return nil
	}
	for _, command := range in.Enable {
		line := strings.Join(command, " ")
		c.out.talk("[-] Executing: %s...", line)
		if err := c.execute(command); err != nil {
			return pm2Error("", "%s failed: %v", line, err)
		}
		c.out.talk("[v] Command successfully executed.")
	}
	name := program(c.env)
	c.out.say("+---------------------------------------+\n")
	c.out.talk("Freeze a process list on reboot via:")
	c.out.say("$ " + name + " save\n\n")
	c.out.talk("Remove init script via:")
	c.out.say("$ " + name + " unstartup " + in.System + "\n")
	return nil
}

// runUnstartup takes back what startup did. It goes on where something is not there any more, and fails if anything did,
// which PM2 does not.
func runUnstartup(c *call) error {
	in, err := c.installation("unstartup", "unsetup")
	if err != nil {
		return err
	}
	root := c.env.Getenv("DESTDIR")
	var failed error
	if root == "" {
		for _, command := range in.Disable {
			if err := c.execute(command); err != nil {
				c.out.fail(fmt.Sprintf("[PM2][ERROR] %s: %v", strings.Join(command, " "), err))
				failed = errReported
			}
		}
	}
	for _, f := range in.Files {
		c.alters(root + f.Path)
		if err := os.Remove(root + f.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			c.out.fail(fmt.Sprintf("[PM2][ERROR] %v", err))
			failed = errReported
		}
	}
	if in.Dir != "" {
		_ = os.Remove(root + in.Dir) // with something of somebody else's in it, it stays
	}
	if failed == nil {
		c.out.talk("Init file disabled.")
	}
	return failed
}

// installation is what the command line asks for, on the init system named or found. Who is not root gets the line to
// become it, as with PM2.
func (c *call) installation(verb, word string) (boot.Installation, error) {
	c.besidePM2 = true
	found, ok := boot.Detect(c.inPath)
	platform := found
	if len(c.args) > 0 {
		platform = c.args[0]
	}
	if platform == "" {
		return boot.Installation{}, pm2Error("name it: "+program(c.env)+" "+verb+" "+strings.Join(boot.Names(), "|"), "Init system not found")
	}
	if ok {
		c.out.talk("Init System found: %s", found)
	}
	u, err := c.bootUnit()
	if err != nil {
		return boot.Installation{}, err
	}
	in, err := boot.Plan(platform, u)
	if err != nil {
		return in, pm2Error("", "%v", err)
	}
	if os.Geteuid() != 0 && !ownFiles(in.System) && c.env.Getenv("DESTDIR") == "" && !c.bool("verify") {
		c.out.talk("To %s the Startup Script, copy/paste the following command:", word)
		c.out.say("sudo env PATH=$PATH:" + filepath.Dir(u.Weaver) + " " + u.Weaver + " " + verb + " " + in.System + " -u " + u.User +
			" --hp " + filepath.Dir(u.Home) + c.namedService() + "\n")
		return in, errReported
	}
	return in, nil
}

// ownFiles are the systems that know of services of single users.
func ownFiles(system string) bool { return system == "systemd-user" || system == "launchd" }

func (c *call) namedService() string {
	if name := c.str("service-name"); name != "" {
		return " --service-name " + name
	}
	return ""
}

// bootUnit is what is to be started at boot.
func (c *call) bootUnit() (boot.Unit, error) {
	weaver, err := c.ownPath()
	if err != nil {
		return boot.Unit{}, c.cannot("", "find weaver", err)
	}
	name := first(c.str("uid"), c.env.Getenv("USER"), c.env.Getenv("LOGNAME"))
	account, err := user.Current()
	if name != "" {
		account, err = user.Lookup(name)
	}
	if err != nil {
		return boot.Unit{}, c.cannot("give one with -u", "tell which user is meant", err)
	}
	u := boot.Unit{
		Program: program(c.env), Weaver: weaver, Name: c.str("service-name"), User: account.Username, UserDir: account.HomeDir,
		PM2: home.PersonaOf(c.env.Argv0) == home.PM2, WaitIP: c.bool("wait-ip"),
		Path: bootPath(c.env.Getenv("PATH"), filepath.Dir(weaver)),
	}
	switch dir := c.str("hp"); {
	case dir != "" && u.PM2:
		u.Home = c.abs(dir) + "/.pm2"
	case dir != "":
		u.Home = c.abs(dir) + "/.weaver"
	default:
		if err := c.findHome(); err != nil {
			return u, err
		}
		u.Home = c.home.Dir
	}
	return u, nil
}

// ownPath is the name by which people call us, beside weaverd: the link pm2 if it is there, else weaver.
func (c *call) ownPath() (string, error) {
	_, weaver, err := c.executables()
	if err != nil {
		return "", err
	}
	link := filepath.Join(filepath.Dir(weaver), program(c.env))
	if linksTo(link, weaver) {
		return link, nil
	}
	return weaver, nil
}

// bootPath is the caller's PATH, each absolute directory once, our own among them.
func bootPath(path, own string) string {
	var dirs []string
	seen := map[string]bool{}
	for _, dir := range append(filepath.SplitList(path), own) {
		if filepath.IsAbs(dir) && !seen[dir] {
			seen[dir] = true
			dirs = append(dirs, dir)
		}
	}
	return strings.Join(dirs, string(os.PathListSeparator))
}

func (c *call) inPath(name string) bool {
	for _, dir := range filepath.SplitList(c.env.Getenv("PATH")) {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return true
		}
	}
	return false
}

// install puts a file in place, whole.
func install(path string, f boot.File) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	if f.Executable {
		mode = 0o755
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".startup-*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name()) // gone once renamed
	_, err = temp.WriteString(f.Text)
	if err = errors.Join(err, temp.Chmod(mode), temp.Sync(), temp.Close()); err != nil {
		return err
	}
	return os.Rename(temp.Name(), path)
}

// execute runs a command of the init system's.
func (c *call) execute(words []string) error {
	cmd := exec.CommandContext(c.ctx, words[0], words[1:]...)
	cmd.Env, cmd.Stdout, cmd.Stderr = c.env.Environ, c.env.Stdout, c.env.Stderr
	if c.out.silent {
		cmd.Stdout = nil
	}
	return cmd.Run()
}

// verifyBoot checks that what is installed is what startup would install, and that the init system takes it.
func (c *call) verifyBoot(in boot.Installation, root string) error {
	var failed error
	say := func(what string, err error) {
		if err == nil {
			c.out.talk("[v] %s", what)
			return
		}
		failed = errReported
		c.out.fail(fmt.Sprintf("[PM2][ERROR] %s: %v", what, err))
	}
	for _, f := range in.Files {
		data, err := os.ReadFile(root + f.Path)
		if err == nil && string(data) != f.Text {
			err = errors.New("it is not what this version would install for this user, home and PATH: run startup again")
		}
		say(root+f.Path, err)
	}
	if root != "" || failed != nil {
		return failed
	}
	for _, command := range in.Verify {
		if !c.inPath(command[0]) {
			c.out.warn("%s is not there to check with", command[0])
			continue
		}
		out, err := exec.CommandContext(c.ctx, command[0], command[1:]...).CombinedOutput()
		if err != nil {
			err = fmt.Errorf("%w: %s", err, strings.TrimSpace(string(out)))
		}
		say(strings.Join(command, " "), err)
	}
	return failed
}

// jsList is a list of command lines as JavaScript shows it.
func jsList(commands [][]string) string {
	lines := make([]string, len(commands))
	for i, c := range commands {
		lines[i] = "'" + strings.Join(c, " ") + "'"
	}
	return "[ " + strings.Join(lines, ", ") + " ]"
}
