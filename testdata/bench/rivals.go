//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// rival is a supervisor other than PM2 that keeps one service, started in its quickest form: no shell in between.
type rival struct {
	name    string
	program string        // found on PATH, or skipped
	rest    time.Duration // see victim
	// prepare writes what it needs into dir and returns its arguments. The service's environment is the rival's own.
	prepare func(dir, service string) ([]string, error)
}

// restEasy is a little more than the second that runit and s6 want a service to have run.
const restEasy = 1200 * time.Millisecond

var rivals = []rival{
	{"supervisord", "supervisord", 0, prepareSupervisord},
	{"runit", "runsv", restEasy, prepareRunDir},
	{"s6", "s6-supervise", restEasy, prepareRunDir},
}

// rivalRun is a rival in this run.
type rivalRun struct {
	rival
	b *bench
}

func (b *bench) rivals() []rivalRun {
	var all []rivalRun
	for _, r := range rivals {
		all = append(all, rivalRun{r, b})
	}
	return all
}

// run starts the rival with the service.
func (r rivalRun) run() (v *victim, end func(), err error) {
	v, end = &victim{name: r.name, every: 10, rest: r.rest}, func() {}
	path, err := exec.LookPath(r.program)
	if err != nil {
		return v, end, fmt.Errorf("no %s on PATH", r.program)
	}
	dir := r.b.dirs.path(r.name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return v, end, err
	}
	if v.bell, err = newBell(filepath.Join(dir, "bell")); err != nil {
		return v, end, err
	}
	args, err := r.prepare(dir, r.b.floor.service)
	if err != nil {
		return v, v.bell.close, err
	}
	cmd := exec.Command(path, args...)
	cmd.Env = append(cleanEnviron(), v.bell.env())
	cmd.Dir = dir
	if err := cmd.Start(); err != nil {
		return v, v.bell.close, err
	}
	waited := make(chan struct{})
	go func() { cmd.Wait(); close(waited) }() // ends with the rival, which end kills
	return v, func() {
		killTree([]int{cmd.Process.Pid})
		<-waited
		v.bell.close()
	}, nil
}

// prepareSupervisord writes a configuration in which a short life is no failure.
func prepareSupervisord(dir, service string) ([]string, error) {
	const form = `[supervisord]
nodaemon=true
logfile=/dev/null
logfile_maxbytes=0
pidfile=%[1]s/pid
childlogdir=%[1]s
[program:service]
command=%[2]s
autorestart=true
startsecs=0
`
	path := filepath.Join(dir, "conf")
	return []string{"-c", path}, os.WriteFile(path, fmt.Appendf(nil, form, dir, service), 0o600)
}

// prepareRunDir makes a service directory whose run program is the service itself.
func prepareRunDir(dir, service string) ([]string, error) {
	return []string{dir}, os.Symlink(service, filepath.Join(dir, "run"))
}
