//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// ecosystem is a file of apps that both PM2 and weaver read.
func ecosystem(home string, services int, command []string) (string, error) {
	var apps []map[string]any
	for i := range services {
		apps = append(apps, map[string]any{
			"name": "s" + strconv.Itoa(i), "script": command[0], "interpreter": "none", "args": append(command[1:len(command):len(command)], "s"+strconv.Itoa(i)),
		})
	}
	data, err := json.Marshal(map[string]any{"apps": apps})
	if err != nil {
		return "", err
	}
	path := filepath.Join(home, "all.config.json")
	return path, os.WriteFile(path, data, 0o600)
}

type weaver struct{ command string }

func (w *weaver) name() string { return "weaver" }

func (w *weaver) run(home string, args ...string) error {
	return run([]string{"WEAVER_HOME=" + home + "/w"}, w.command, args...)
}

func (w *weaver) start(home string, services int, command []string) error {
	path, err := ecosystem(home, services, command)
	if err != nil {
		return err
	}
	return w.run(home, "start", path)
}

func (w *weaver) pid(home string) (int, error) { return pidIn(home + "/w/weaver.pid") }
func (w *weaver) again(home string) error      { return w.run(home, "ping") }
func (w *weaver) restart(home string) error    { return w.run(home, "update") }
func (w *weaver) end(home string) error        { return w.run(home, "kill") }

type pm2Rival struct{ command string }

func (p *pm2Rival) name() string { return "PM2 7.0.4" }

func (p *pm2Rival) run(home string, args ...string) error {
	return run([]string{"PM2_HOME=" + home + "/p"}, p.command, args...)
}

func (p *pm2Rival) start(home string, services int, command []string) error {
	path, err := ecosystem(home, services, command)
	if err != nil {
		return err
	}
	if err := p.run(home, "start", path); err != nil {
		return err
	}
	return p.run(home, "save")
}

func (p *pm2Rival) pid(home string) (int, error) { return pidIn(home + "/p/pm2.pid") }
func (p *pm2Rival) again(home string) error      { return p.run(home, "resurrect") }
func (p *pm2Rival) restart(home string) error    { return p.run(home, "update") }
func (p *pm2Rival) end(home string) error        { return p.run(home, "kill") }

type supervisord struct{}

func (s *supervisord) name() string { return "supervisord" }

func (s *supervisord) ctl(home string, args ...string) error {
	return run(nil, "supervisorctl", append([]string{"-c", home + "/s.conf"}, args...)...)
}

func (s *supervisord) start(home string, services int, command []string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "[supervisord]\nlogfile=%[1]s/s.log\npidfile=%[1]s/s.pid\n[unix_http_server]\nfile=%[1]s/s.sock\n"+
		"[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n"+
		"[supervisorctl]\nserverurl=unix://%[1]s/s.sock\n", home)
	for i := range services {
		fmt.Fprintf(&b, "[program:s%d]\ncommand=%s s%d\nstdout_logfile=%s/s%d.log\nstartsecs=0\nautorestart=true\n", i, strings.Join(command, " "), i, home, i)
	}
	if err := os.WriteFile(home+"/s.conf", []byte(b.String()), 0o600); err != nil {
		return err
	}
	return s.again(home)
}

func (s *supervisord) pid(home string) (int, error) { return pidIn(home + "/s.pid") }
func (s *supervisord) again(home string) error      { return run(nil, "supervisord", "-c", home+"/s.conf") }
func (s *supervisord) restart(home string) error    { return s.ctl(home, "reload") }

func (s *supervisord) end(home string) error {
	err := s.ctl(home, "shutdown")
	time.Sleep(time.Second)
	return err
}
