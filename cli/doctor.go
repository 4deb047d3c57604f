package cli

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"weaver/api"
	"weaver/app"
	"weaver/config/home"
)

// finding is one line of what `doctor` says.
type finding struct {
	Check  string `json:"check"`
	State  string `json:"state"` // ok, warning, failed, skipped
	Detail string `json:"detail,omitempty"`
	Hint   string `json:"hint,omitempty"`
}

// The states.
const (
	fine    = "ok"
	warning = "warning"
	broken  = "failed"
	skipped = "skipped"
)

// runDoctor checks the installation, then proves on a throwaway service in a home of its own what weaver promises.
func runDoctor(c *call) error {
	d := &doctor{c: c}
	d.executables()
	d.homeDirectory()
	d.supervisor()
	d.machine()
	d.runtimes()
	if c.bool("no-proof") {
		d.add("proof", skipped, "--no-proof", "")
	} else {
		d.prove()
	}
	if c.out.json {
		if err := c.out.value(d.findings); err != nil {
			return err
		}
	} else {
		d.say(fmt.Sprintf("%d checks, %d failed", len(d.findings), d.failures()))
	}
	if d.failures() > 0 {
		return errReported
	}
	return nil
}

type doctor struct {
	c        *call
	findings []finding
}

// add notes a finding, and shows it at once: a proof takes a moment.
func (d *doctor) add(check, state, detail, hint string) {
	f := finding{check, state, detail, hint}
	d.findings = append(d.findings, f)
	mark, code := "✔", "32"
	switch state {
	case warning:
		mark, code = "!", "33"
	case broken:
		mark, code = "✘", "31"
	case skipped:
		mark, code = "-", "2"
	}
	if d.c.out.color {
		mark = "\x1b[" + code + "m" + mark + "\x1b[0m"
	}
	line := mark + " " + fmt.Sprintf("%-40s", check)
	if detail != "" {
		line += " " + detail
	}
	d.say(strings.TrimRight(line, " "))
	if hint != "" {
		d.say("    hint: " + hint)
	}
}

func (d *doctor) say(line string) {
	if !d.c.out.json {
		d.c.out.data(line + "\n")
	}
}

func (d *doctor) failures() (n int) {
	for _, f := range d.findings {
		if f.State == broken {
			n++
		}
	}
	return n
}

func (d *doctor) executables() {
	self, anchor, err := d.c.executables()
	if err != nil {
		d.add("weaver and weaverd are installed", broken, err.Error(), "put both into the same directory")
		return
	}
	d.add("weaver and weaverd are installed", fine, filepath.Dir(self), "")
	out, err := exec.CommandContext(d.c.ctx, anchor, "--version").Output()
	theirs := strings.TrimSpace(string(out))
	if err != nil || theirs != d.c.env.Version {
		d.add("they are of one version", broken, fmt.Sprintf("weaver %s, weaverd %s", theirs, d.c.env.Version), "install both anew")
		return
	}
	d.add("they are of one version", fine, theirs, "")
}

func (d *doctor) homeDirectory() {
	if err := d.c.findHome(); err != nil {
		d.add("the home can be used", broken, err.Error(), "")
		return
	}
	dir := d.c.home.Dir
	info, err := os.Stat(dir)
	if os.IsNotExist(err) {
		d.add("the home can be used", fine, dir+" is made by the first command", "")
		return
	}
	if err != nil {
		d.add("the home can be used", broken, err.Error(), "")
		return
	}
	if uid, ours := owned(info); !ours {
		d.add("the home can be used", broken, fmt.Sprintf("%s belongs to user %d", dir, uid), "become that user, or set WEAVER_HOME")
		return
	}
	probe, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		d.add("the home can be used", broken, err.Error(), "make room on the disk, or set WEAVER_HOME")
		return
	}
	probe.Close()
	os.Remove(probe.Name())
	if perm := info.Mode().Perm(); perm&0o077 != 0 && !d.c.home.PM2 {
		d.add("the home can be used", warning, fmt.Sprintf("%s is open to others (%04o)", dir, perm), "chmod 700 "+dir)
		return
	}
	d.add("the home can be used", fine, dir, "")
}

func (d *doctor) supervisor() {
	up, err := d.c.daemonUp()
	if err != nil {
		d.add("the supervisor answers", broken, err.Error(), "see "+d.c.home.DaemonLog())
		return
	}
	if !up {
		d.add("the supervisor answers", skipped, "none runs in this home", "")
		return
	}
	p, err := d.c.client.Ping(d.c.ctx)
	if err != nil {
		d.add("the supervisor answers", broken, err.Error(), "")
		return
	}
	d.add("the supervisor answers", fine, fmt.Sprintf("pid %d, version %s, %s", p.PID, p.Version, counted(p.Processes, "process", "processes")), "")
	if p.Version != d.c.env.Version {
		d.add("it is of the installed version", warning, fmt.Sprintf("it is %s, installed is %s", p.Version, d.c.env.Version), program(d.c.env)+" update")
	}
	if p.AnchorPID == 0 {
		d.add("the anchor watches over it", warning, "nobody restarts the supervisor if it dies", "")
	} else {
		d.add("the anchor watches over it", fine, fmt.Sprintf("pid %d", p.AnchorPID), "")
	}
	if !p.Durable {
		d.add("what is wished is on disk", broken, p.Problem, "make room on the disk of "+d.c.home.Dir)
	} else {
		d.add("what is wished is on disk", fine, "", "")
	}
}

func (d *doctor) runtimes() {
	for _, name := range []string{"node"} {
		path, err := exec.LookPath(name)
		if err != nil {
			d.add(name+" is there", skipped, "not on PATH: scripts that need it cannot run", "")
			continue
		}
		out, err := exec.CommandContext(d.c.ctx, path, "--version").Output()
		if err != nil {
			d.add(name+" is there", broken, path+": "+err.Error(), "")
			continue
		}
		d.add(name+" is there", fine, path+" "+strings.TrimSpace(string(out)), "")
	}
}

// prove starts a service in a home of its own, and kills what can be killed.
func (d *doctor) prove() {
	dir, err := os.MkdirTemp("", "wdoctor") // short: a socket's path has little room
	if err != nil {
		d.add("a throwaway home", broken, err.Error(), "")
		return
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(d.c.ctx, time.Minute)
	defer cancel()
	h := home.Home{Dir: dir}
	c := *d.c
	c.ctx, c.home, c.client = ctx, h, &api.Client{Socket: h.Socket()}
	c.out = &output{stdout: discard{}, stderr: discard{}, silent: true}
	defer c.client.Close()
	p := &proof{doctor: d, c: &c, ctx: ctx}
	p.run()
	if up, err := c.daemonUp(); up && err == nil {
		err := c.kill()
		for range 2 { // a supervisor that was just replaced may have cut the answer off
			if err == nil {
				break
			}
			err = c.kill()
		}
		if err != nil {
			d.add("nothing is left behind", broken, err.Error(), "")
			return
		}
		if p.pid != 0 && lives(p.pid) {
			d.add("nothing is left behind", broken, fmt.Sprintf("process %d still runs", p.pid), "")
			return
		}
		d.add("nothing is left behind", fine, "", "")
	}
}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

// proof is the throwaway service and what is done to it.
type proof struct {
	*doctor
	c   *call
	ctx context.Context
	pid int // of the service
}

// service is what runs: weaverd itself, which is certainly there, printing a number every now and then.
func (p *proof) service() app.Spec {
	out := filepath.Join(p.c.home.Logs(), "doctor-out.log")
	return app.Spec{
		Name: "doctor", Script: p.c.env.SelfPath, Args: []string{"tick"}, Interpreter: "none", Mode: app.Fork, Cwd: "/",
		OutFile: out, ErrorFile: filepath.Join(p.c.home.Logs(), "doctor-error.log"), MergeLogs: true,
		Env: app.ParseEnviron(p.c.env.Environ),
	}
}

func (p *proof) run() {
	if err := p.c.ensureDaemon(); err != nil {
		p.add("a supervisor starts", broken, err.Error(), "")
		return
	}
	began := time.Now()
	failed := ""
	err := p.c.client.Start(p.ctx, api.StartRequest{Specs: []app.Spec{p.service()}}, nil, func(s app.Progress) {
		if s.Step == app.StepFailed {
			failed = s.Message
		}
	})
	if err == nil && failed != "" {
		err = fmt.Errorf("%s", failed)
	}
	if err != nil {
		p.add("a service starts", broken, err.Error(), "")
		return
	}
	p.add("a service starts", fine, span(time.Since(began)), "")
	if first, ok := p.await("a service is online", func(s *app.Process) bool { return s.Status == app.Online }); ok {
		p.pid = first.PID
	} else {
		return
	}
	p.crash()
	p.supervisorDies()
	p.anchorDies()
	p.numbers()
}

// look returns the service as it is, nil if nobody answers.
func (p *proof) look() *app.Process {
	list, err := p.c.client.List(p.ctx, false, "")
	if err != nil || len(list) != 1 {
		return nil
	}
	return &list[0]
}

// await waits for something to be true of the service. It tells when it is not.
func (p *proof) await(check string, holds func(*app.Process) bool) (app.Process, bool) {
	deadline := time.Now().Add(10 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for time.Now().Before(deadline) {
		if s := p.look(); s != nil && holds(s) {
			return *s, true
		}
		select {
		case <-tick.C:
		case <-p.ctx.Done():
			deadline = time.Time{}
		}
	}
	detail := "nobody answers"
	if s := p.look(); s != nil {
		detail = fmt.Sprintf("it is %s, pid %d, restarts %d", s.Status, s.PID, s.Restarts)
	}
	p.add(check, broken, detail, "")
	return app.Process{}, false
}

func (p *proof) crash() {
	const check = "a service that is killed comes back"
	if err := kill(p.pid); err != nil {
		p.add(check, broken, err.Error(), "")
		return
	}
	began, was := time.Now(), p.pid
	if s, ok := p.await(check, func(s *app.Process) bool { return s.PID != 0 && s.PID != was && s.Status == app.Online }); ok {
		p.pid = s.PID
		p.add(check, fine, "seen after "+span(time.Since(began)), "")
	}
}

func (p *proof) supervisorDies() {
	const check = "services outlive the supervisor"
	before, err := p.c.client.Ping(p.ctx)
	if err == nil {
		err = kill(before.PID)
	}
	if err != nil {
		p.add(check, broken, err.Error(), "")
		return
	}
	p.survive(check, func(now api.Ping) bool { return now.PID != before.PID })
}

func (p *proof) anchorDies() {
	const check = "services outlive the anchor"
	before, err := p.c.client.Ping(p.ctx)
	if err == nil && before.AnchorPID == 0 {
		p.add(check, skipped, "there is none on this system", "")
		return
	}
	if err == nil {
		err = kill(before.AnchorPID)
	}
	if err != nil {
		p.add(check, broken, err.Error(), "")
		return
	}
	p.survive(check, func(now api.Ping) bool { // 1 is init, which takes the orphan until it has become the anchor itself
		return now.AnchorPID > 1 && now.AnchorPID != before.AnchorPID && now.PID != before.PID
	})
}

// survive waits for a supervisor as it should be, and looks whether the service noticed anything.
func (p *proof) survive(check string, as func(api.Ping) bool) {
	began := time.Now()
	restarts := -1
	s, ok := p.await(check, func(s *app.Process) bool {
		now, err := p.c.client.Ping(p.ctx)
		if err != nil || !as(now) {
			return false
		}
		restarts = s.Restarts
		return s.Status == app.Online
	})
	switch {
	case !ok:
	case s.PID != p.pid:
		p.add(check, broken, fmt.Sprintf("it was restarted: pid %d became %d, restarts %d", p.pid, s.PID, restarts), "")
		p.pid = s.PID
	default:
		p.add(check, fine, fmt.Sprintf("pid %d went on, answered after %s", s.PID, span(time.Since(began))), "")
	}
}

// numbers looks whether the service's output is complete: each run counts from 1.
func (p *proof) numbers() {
	const check = "no line of its output is lost or doubled"
	data, err := os.ReadFile(filepath.Join(p.c.home.Logs(), "doctor-out.log"))
	if err != nil {
		p.add(check, broken, err.Error(), "")
		return
	}
	lines := strings.Fields(string(data))
	want := 0
	for _, l := range lines {
		want++
		if l == "1" {
			want = 1
		}
		if l != fmt.Sprint(want) {
			p.add(check, broken, fmt.Sprintf("after %d comes %s", want-1, l), "")
			return
		}
	}
	if len(lines) == 0 {
		p.add(check, broken, "there is none", "")
		return
	}
	p.add(check, fine, counted(len(lines), "line", "lines"), "")
}

// runTick prints numbers until it is ended: the service that `doctor` tries things on.
func runTick(c *call) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for n := 1; ; n++ {
		c.out.data(fmt.Sprintf("%d\n", n))
		select {
		case <-tick.C:
		case <-c.ctx.Done():
			return nil
		}
	}
}
