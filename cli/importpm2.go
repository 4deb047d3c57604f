package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"weaver/api"
	"weaver/app"
	"weaver/config"
	"weaver/config/home"
	"weaver/pm2"
)

// importPM2 takes over what a PM2 that does not run has saved: its list, and the settings of its modules.
func (c *call) importPM2(args []string) error {
	c.besidePM2 = true
	if err := c.findHome(); err != nil {
		return err
	}
	if len(args) > 1 {
		return &usageError{"too many arguments", program(c.env) + " import pm2 [HOME]"}
	}
	from := c.pm2Home()
	if len(args) == 1 {
		from = home.Home{Dir: c.abs(args[0]), PM2: true}
	}
	doing := "import what PM2 has in " + from.Dir
	if sameFile(from.Dir, c.home.Dir) {
		return c.cannot(program(c.env)+" resurrect starts what is saved there", doing, errors.New("it is the home that is used here"))
	}
	if livesPM2(from) {
		return c.cannot("weaver migrate takes over the processes of a PM2 that runs", doing, errors.New("a PM2 runs in it"))
	}
	if livesPM2(c.home) {
		return c.cannot("weaver migrate takes its processes over; nothing was changed", "use the home "+c.home.Dir, errors.New("a PM2 runs in it"))
	}
	data, err := os.ReadFile(from.Dump())
	if errors.Is(err, fs.ErrNotExist) {
		return c.cannot("pm2 save writes it", doing, fmt.Errorf("there is no %s", from.Dump()))
	}
	if err != nil {
		return c.cannot("", doing, err)
	}
	records, err := pm2.ReadDump(data)
	if err != nil {
		return c.cannot(from.Dump()+".bak may be whole", doing, fmt.Errorf("%s: %w", from.Dump(), err))
	}
	if left := leftBehind(from); len(left) > 0 && !c.bool("force") {
		return c.cannot("end them, or take them for ended with --force", doing,
			fmt.Errorf("programs that it started still run, without it: %s", strings.Join(left, ", ")))
	}
	settings, err := config.LoadModuleConf(from)
	if err != nil {
		return c.cannot("", doing, err)
	}
	if err := c.ensureDaemon(); err != nil {
		return err
	}
	if err := c.importSettings(settings); err != nil {
		return err
	}
	if err := c.importRecords(records); err != nil {
		return c.after(err)
	}
	if _, err := c.client.Save(c.ctx, false); err != nil {
		return answered(err)
	}
	c.out.talk("Imported from %s, and saved in %s", from.Dir, c.home.Dump())
	return c.after(nil)
}

// importRecords starts what ran, and lists the rest. Apps of names that there are already stay as they are.
func (c *call) importRecords(records []pm2.Record) error {
	list, err := c.client.List(c.ctx, false, "")
	if err != nil {
		return err
	}
	here := map[string]bool{}
	for i := range list {
		here[list[i].Name] = true
	}
	told := map[string]bool{}
	var names []string
	var r api.TakeRequest
	for i := range records {
		spec := &records[i].Spec
		switch {
		case here[spec.Name] && told[spec.Name]:
			continue
		case here[spec.Name]:
			told[spec.Name] = true
			c.out.warned = append(c.out.warned, spec.Name+" is here already: left as it is")
			c.out.note("note: %s is here already: left as it is", spec.Name)
			continue
		}
		spec.Instances = 1
		names = append(names, spec.Name)
		r.Processes = append(r.Processes, api.TakenProcess{ID: records[i].ID, Up: runs(&records[i]), Spec: *spec})
	}
	if len(names) == 0 {
		return nil
	}
	return c.locked(names, func(fds []int) error {
		return c.report(func(report func(app.Progress)) error { return c.client.Take(c.ctx, r, fds, report) })
	})
}

// importSettings sets what is set there and not here. Those of modules that weaver does the work of act on weaver.
func (c *call) importSettings(from config.ModuleConf) error {
	var own []config.Setting
	err := c.changeConf(func(m *config.ModuleConf) error {
		for _, section := range from.Sections() {
			settings, _ := from.Section(section)
			for _, s := range settings {
				if _, set := m.Get(s.Section, s.Key); set {
					continue
				}
				if err := m.Set(s.Section, s.Key, s.Value); err != nil {
					c.out.note("note: %v", err)
					continue
				}
				own = append(own, s)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, s := range own {
		if s.Section != config.LogRotate {
			continue
		}
		change, err := config.Rotate(s.Key, s.Value)
		if err == nil {
			err = c.setOwn(change)
		}
		if err != nil { // PM2 took what it has; here it is not set
			c.out.note("note: %s:%s %s is not taken: %v", s.Section, s.Key, s.Value, err)
		}
	}
	for _, name := range from.Modules() {
		if name != config.LogRotate {
			c.out.note("note: the module %s is not installed here: %s install %s does it", name, program(c.env), name)
		}
	}
	return nil
}

func sameFile(a, b string) bool {
	if filepath.Clean(a) == filepath.Clean(b) {
		return true
	}
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	two, err := os.Stat(b)
	return err == nil && os.SameFile(one, two)
}

// leftBehind are programs that a PM2 started in a home and that still run, as far as that can be told: by its pid files, and by
// what Linux says of these processes' environments.
func leftBehind(h home.Home) []string {
	if runtime.GOOS != "linux" {
		return nil
	}
	var left []string
	files, _ := filepath.Glob(filepath.Join(h.Dir, "pids", "*.pid")) // a home with brackets in its name is not looked at
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
		if err != nil || pid <= 1 {
			continue
		}
		env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if err == nil && bytes.Contains(env, []byte("\x00pm_id=")) && bytes.Contains(env, []byte("PM2_HOME="+h.Dir+"\x00")) {
			left = append(left, fmt.Sprintf("%s (pid %d)", strings.TrimSuffix(filepath.Base(path), ".pid"), pid))
		}
	}
	return left
}
