package cli

import (
	"archive/tar"
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// runPackage packs a module's directory into an archive that install takes, named after the directory and the version.
func runPackage(c *call) error {
	dir := c.env.Cwd
	if len(c.args) > 0 {
		dir = c.abs(c.args[0])
	}
	m, err := readManifest(dir)
	if err != nil {
		return moduleError("%v", err)
	}
	if m.Version == "" {
		return moduleError("%s has no version", filepath.Join(dir, "package.json"))
	}
	path := filepath.Join(c.env.Cwd, filepath.Base(dir)+"-v"+strings.ReplaceAll(m.Version, ".", "-")+".tar.gz")
	c.moduleSay("Gziping %s to %s", dir, path)
	if err := pack(dir, path); err != nil {
		return moduleError("%v", err)
	}
	c.moduleSay("Module packaged in %s", path)
	return nil
}

// pack writes dir as the directory "module" of an archive, which is there whole or not at all.
func pack(dir, path string) (err error) {
	out, err := os.CreateTemp(filepath.Dir(path), ".package-*")
	if err != nil {
		return err
	}
	defer func() {
		out.Close() // again, after an error
		if err != nil {
			os.Remove(out.Name())
		}
	}()
	zipped := gzip.NewWriter(out)
	archive := tar.NewWriter(zipped)
	err = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name == path || name == out.Name() {
			return nil // the directory holds its own archive
		}
		return add(archive, dir, name, d)
	})
	if err != nil {
		return fmt.Errorf("pack %s: %w", dir, err)
	}
	for _, w := range []io.Closer{archive, zipped, out} {
		if err := w.Close(); err != nil {
			return fmt.Errorf("write %s: %w", path, err)
		}
	}
	if err := os.Chmod(out.Name(), 0o644); err != nil {
		return err
	}
	return os.Rename(out.Name(), path)
}

// add puts one file into an archive. Sockets and the like are left out.
func add(archive *tar.Writer, dir, name string, d fs.DirEntry) error {
	info, err := d.Info()
	if err != nil {
		return err
	}
	target := ""
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		if target, err = os.Readlink(name); err != nil {
			return err
		}
	case !info.IsDir() && !info.Mode().IsRegular():
		return nil
	}
	head, err := tar.FileInfoHeader(info, target)
	if err != nil {
		return err
	}
	short, err := filepath.Rel(dir, name)
	if err != nil {
		return err
	}
	head.Name = filepath.ToSlash(filepath.Join("module", short))
	if info.IsDir() {
		head.Name += "/"
	}
	if err := archive.WriteHeader(head); err != nil || !info.Mode().IsRegular() {
		return err
	}
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(archive, io.LimitReader(file, head.Size))
	return err
}

// runInstead answers commands of PM2's whose work is done otherwise here. What has to be done still is a failure.
func runInstead(c *call) error {
	name := program(c.env)
	switch c.cmd.name {
	case "logrotate":
		c.out.talk("rotation is built in and on: `%s set pm2-logrotate:max_size 10M` and its other keys change it", name)
		return nil
	case "deepUpdate":
		return pm2Error("", "install the new version as you installed this one, then `%s update` takes it over while everything runs", name)
	case "publish":
		return pm2Error("", "npm publishes packages: `npm version patch && npm publish`; `%s package` makes an archive that `%s install` takes", name, name)
	case "module:generate":
		return pm2Error("", "`npm init` makes a package, `%s install .` runs it as a module; `%s create` makes a small app", name, name)
	}
	return pm2Error("", "nothing is installed automatically: `%s doctor` says what is missing", name)
}
