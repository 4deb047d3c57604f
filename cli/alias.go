package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// pm2Names are the programs that PM2 consists of.
var pm2Names = []string{"pm2", "pm2-runtime", "pm2-docker", "pm2-dev"}

func aliasFlags() []flag {
	return []flag{
		{name: "dir", arity: one, meta: "DIR", help: "where to put the links (beside weaver)"},
		{name: "remove", help: "take the links away again"},
	}
}

// runAlias makes links by PM2's names to the thin front end, or takes them away. What is not such a link is left alone,
// unless --force: it may be a PM2.
func runAlias(c *call) error {
	if c.args[0] != "pm2" {
		return &usageError{fmt.Sprintf("unknown argument `%s'", c.args[0]), "weaver alias pm2"}
	}
	_, weaver, err := c.executables()
	if err != nil {
		return c.cannot("", "make the links", err)
	}
	dir := filepath.Dir(weaver)
	if c.given("dir") {
		dir = c.abs(c.str("dir"))
	}
	if c.bool("remove") {
		return c.removeAliases(dir, weaver)
	}
	for _, name := range pm2Names { // all or none
		path := filepath.Join(dir, name)
		if err := c.aliasFree(path, weaver); err != nil {
			return err
		}
	}
	for _, name := range pm2Names {
		path := filepath.Join(dir, name)
		if err := relink(weaver, path); err != nil {
			return c.cannot("give --dir DIR on your PATH that you can write to", "make the link "+path, err)
		}
		c.out.say(path + " -> " + weaver + "\n")
	}
	return nil
}

// aliasFree says why there can be no link at path.
func (c *call) aliasFree(path, weaver string) error {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) || c.bool("force") {
		return nil
	}
	if err == nil && linksTo(path, weaver) {
		return nil
	}
	if err == nil {
		err = errors.New("something else is there")
	}
	return c.cannot("remove it, give --dir, or --force to replace it", "make the link "+path, err)
}

// relink puts a link in the place of whatever is at path, so that there is something at any moment.
func relink(target, path string) error {
	if linksTo(path, target) {
		return nil
	}
	temp := fmt.Sprintf("%s.%d", path, os.Getpid())
	if err := os.Symlink(target, temp); err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		os.Remove(temp)
		return err
	}
	return nil
}

// linksTo reports that path is a symbolic link that leads to the executable.
func linksTo(path, executable string) bool {
	info, err := os.Lstat(path)
	if err != nil || info.Mode()&fs.ModeSymlink == 0 {
		return false
	}
	there, err := os.Stat(path)
	if err != nil {
		return false
	}
	self, err := os.Stat(executable)
	return err == nil && os.SameFile(there, self)
}

func (c *call) removeAliases(dir, weaver string) error {
	for _, name := range pm2Names {
		path := filepath.Join(dir, name)
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if !linksTo(path, weaver) {
			c.out.note("weaver: %s is no link of weaver's, it is left alone", path)
			continue
		}
		if err := os.Remove(path); err != nil {
			return c.cannot("", "remove the link "+path, err)
		}
		c.out.say("removed " + path + "\n")
	}
	return nil
}
