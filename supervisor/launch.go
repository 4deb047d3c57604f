package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"weaver/app"
	"weaver/logs"
	"weaver/supervisor/health"
	"weaver/supervisor/spawn"
)

// host launches incarnations on this machine: it joins the environment, the log pipes and the process.
type host struct {
	opts *Options
	crew *crew
	sup  *Supervisor

	dropped drops // what the store need not keep any more
}

// kid is an incarnation on this machine.
type kid struct {
	*spawn.Child
	crew      *crew
	wholeTree bool
	pidFile   string
	trouble   error // what went wrong that is no reason not to run
	pipes     []*logs.Pipe
	inodes    []pipeRecord
	line      *line // nil: it has no IPC
	stay      *stay // nil: it shares nothing that it has to leave to others
	signs     *health.Signs
	keptSigns func() // has the store forget them; nil if it has none
	byMessage bool   // it is asked to end by a message
	sampled   bool   // its memory is looked at
	proxy     int    // the port that it finds in its environment, for what is passed on to it
}

func (h *host) launch(p *app.Process, gen uint64, exited func(spawn.Exit)) (c child, err error) {
	h.crew.do(func() { c, err = h.launchHere(p, gen, exited) })
	return c, err
}

// launchHere is launch, on the caller's stack.
func (h *host) launchHere(p *app.Process, gen uint64, exited func(spawn.Exit)) (child, error) {
	spec := p.Spec
	if err := h.opts.Spawner.CanFit(1); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.Name, err)
	}
	if err := h.sup.sound(context.Background(), spec, func(text string) { h.sup.warn(p, gen, text) }); err != nil {
		return nil, err
	}
	env := h.environment(p)
	if err := resolveSecrets(env); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.Name, err)
	}
	user, err := credentials(spec, &env)
	if err != nil {
		return nil, err
	}
	var first []string
	if h.opts.ChildArgs != nil {
		first = h.opts.ChildArgs(p)
	}
	path, argv, err := command(spec, env, first, portOf(p, env))
	if err != nil {
		return nil, err
	}
	k := &kid{crew: h.crew, wholeTree: app.IsTrue(spec.TreeKill), byMessage: h.opts.Defaults.byMessage(spec), sampled: h.opts.Sampler != nil}
	started := false
	defer func() {
		for _, pipe := range k.pipes {
			pipe.CloseChild()
			if !started {
				pipe.Discard()
			}
		}
	}()
	if err := h.openPipes(k, p, gen); err != nil {
		return nil, err
	}
	var extra []int
	signs, readyEnd, err := h.signs(p, gen, &env, &extra, user)
	if err != nil {
		return nil, err
	}
	k.signs, k.keptSigns = signs, h.signsDropped(signs, p.ID, gen)
	defer func() {
		if readyEnd != nil {
			readyEnd.Close()
		}
		if !started {
			signs.Close()
			if k.keptSigns != nil {
				k.keptSigns()
			}
		}
	}()
	if k.proxy, err = proxyPort(spec, &env); err != nil {
		return nil, err
	}
	k.stay = h.stay(p, gen)
	defer func() {
		if !started {
			k.stay.end()
		}
	}()
	if k.line, err = h.connect(k, p, gen, &env, &extra); err != nil {
		return nil, err
	}
	defer func() { k.line.handedOver(started) }()
	h.keepPipes(k, p.ID, gen)
	k.notePipes()
	stdin, err := openStdin()
	if err != nil {
		return nil, err
	}
	defer closeFD(stdin)
	cmd := spawn.Cmd{
		Path: path, Argv: argv, Env: env.Environ(), Dir: spec.Cwd,
		Stdin: stdin, Stdout: k.pipes[0].ChildFD(), Stderr: k.pipes[1].ChildFD(), Extra: extra, ListenPID: len(spec.Listen) > 0,
		User: user, Umask: spec.Umask, Nice: spec.Nice,
		Tag: tagOf(h.opts.Identity, p.ID, gen), Bounds: boundsOf(spec),
	}
	if spec.Limits != nil {
		cmd.Rlimits, cmd.OOMScoreAdj = rlimits(spec.Limits), spec.Limits.OOMScoreAdj
	}
	if k.Child, err = h.opts.Spawner.Launch(cmd, exited); err != nil {
		return nil, err
	}
	started = true
	k.pidFile = p.PIDPath
	k.writePID()
	return k, nil
}

// warn tells of something that was wrong with a process.
func (s *Supervisor) warn(p *app.Process, gen uint64, text string) {
	if k := s.reg.get(p.ID); k != nil {
		k.publishEvent(app.Event{Kind: app.EventWarning, ID: p.ID, Name: p.Name, Namespace: p.Namespace, Gen: gen, Message: text})
	}
}

// writePID leaves the pid where tools look for it. A process that runs is not stopped for a pid file that cannot be written.
func (k *kid) writePID() {
	if k.pidFile == "" {
		return
	}
	if err := writePIDFile(k.pidFile, k.PID()); err != nil {
		k.trouble = fmt.Errorf("write the pid file: %w", err)
	}
}

// writePIDFile writes in place, as PM2 does: a reader sees the old number or the new one, and nothing depends on it.
func writePIDFile(path string, pid int) error {
	data := strconv.AppendInt(nil, int64(pid), 10)
	err := writePlain(path, data)
	if errors.Is(err, os.ErrNotExist) {
		if err = os.MkdirAll(filepath.Dir(path), 0o755); err == nil {
			err = writePlain(path, data)
		}
	}
	return err
}

// WritePIDFiles writes them again, for when somebody has removed them.
func (s *Supervisor) WritePIDFiles() {
	for _, p := range s.Look() {
		if p.PID == 0 || p.PIDPath == "" {
			continue
		}
		if _, err := os.Lstat(p.PIDPath); errors.Is(err, os.ErrNotExist) {
			_ = writePIDFile(p.PIDPath, p.PID) // as at the start, nothing depends on it
		}
	}
}

// environment is the spec's own, and what a door adds.
func (h *host) environment(p *app.Process) app.Env {
	var added app.Env
	if h.opts.ChildEnv != nil {
		added = h.opts.ChildEnv(p)
	}
	const more = 8 // what its channels and sockets are called
	env := append(make(app.Env, 0, len(p.Spec.Env)+len(added)+more), p.Spec.Env...)
	env.Merge(added)
	return env
}

// credentials looks the app's user up and sets HOME to that user's. Names are resolved at each start: they may change.
func credentials(spec *app.Spec, env *app.Env) (*spawn.User, error) {
	if spec.User == "" && spec.Group == "" {
		return nil, nil
	}
	name := spec.User
	if name == "" {
		name = strconv.Itoa(os.Getuid())
	}
	if spec.Group != "" {
		name += ":" + spec.Group
	}
	user, home, err := spawn.LookupUser(name)
	if err != nil {
		return nil, err
	}
	if home != "" && spec.User != "" {
		env.Set("HOME", home)
	}
	return &user, nil
}

// command returns what to exec. A bare interpreter is looked for in the app's own PATH, at each start, so that it follows
// upgrades. first goes before its own arguments, and last after them.
func command(spec *app.Spec, env app.Env, first, last []string) (path string, argv []string, err error) {
	if spec.Interpreter == "" || spec.Interpreter == "none" {
		return spec.Script, append([]string{spec.Script}, spec.Args...), nil
	}
	path, err = lookPath(spec.Interpreter, env, spec.Cwd)
	if err != nil {
		return "", nil, err
	}
	if _, err := os.Stat(spec.Script); errors.Is(err, os.ErrNotExist) {
		return "", nil, fmt.Errorf("%s: %s", scriptNotFound, spec.Script)
	}
	argv = append([]string{spec.Interpreter}, first...)
	argv = append(argv, spec.InterpreterArgs...)
	argv = append(argv, last...)
	argv = append(argv, spec.Script)
	return path, append(argv, spec.Args...), nil
}

// scriptNotFound is what PM2 says, and scripts look for.
const scriptNotFound = "Script not found"

// lookPath finds an executable as execvp would in the given environment.
func lookPath(name string, env app.Env, cwd string) (string, error) {
	if strings.Contains(name, "/") {
		if !filepath.IsAbs(name) {
			name = filepath.Join(cwd, name)
		}
		return name, nil // exec says what is wrong with it
	}
	list, _ := env.Get("PATH")
	for _, dir := range filepath.SplitList(list) {
		if dir == "" {
			dir = "."
		}
		if !filepath.IsAbs(dir) {
			dir = filepath.Join(cwd, dir)
		}
		file := filepath.Join(dir, name)
		if fi, err := os.Stat(file); err == nil && !fi.IsDir() && fi.Mode()&0o111 != 0 {
			return file, nil
		}
	}
	return "", fmt.Errorf("exec %s: not found in the app's PATH", name)
}

// openPipes opens both log pipes. They fail together.
func (h *host) openPipes(k *kid, p *app.Process, gen uint64) error {
	for _, stream := range streams {
		pipe, err := h.opts.Logs.Pipe(h.pipeOptions(p, gen, stream))
		if err != nil {
			return fmt.Errorf("open the logs of %s: %w", p.Name, err)
		}
		k.pipes = append(k.pipes, pipe)
	}
	return nil
}

// streams are those that have a log pipe, in the order of a kid's pipes.
var streams = [...]app.Stream{app.Out, app.Err}

// pipeOptions says where a stream goes.
func (h *host) pipeOptions(p *app.Process, gen uint64, stream app.Stream) logs.PipeOptions {
	spec := p.Spec
	rotation := h.opts.rotation(spec)
	o := logs.PipeOptions{
		ID: p.ID, Name: p.Name, Namespace: p.Namespace, Stream: stream,
		Format: spec.LogType, DateFormat: spec.LogDateFormat, Disabled: spec.DisableLogs,
	}
	own := p.OutPath
	if stream == app.Err {
		own = p.ErrorPath
	}
	for _, path := range []string{own, p.LogPath} {
		if path != "" {
			o.Dests = append(o.Dests, logs.Dest{Path: path, Rotation: rotation})
		}
	}
	if h.opts.Store != nil && !o.Disabled {
		id := p.ID // not p, which would live as long as the pipe
		o.Retired = func() { h.dropped.add(pipeName(id, gen, stream)) }
	}
	return o
}

// rotation is what the settings say of log files, under what the app says.
func (o *Options) rotation(spec *app.Spec) logs.Rotation {
	var rotation logs.Rotation
	if o.Rotation != nil {
		rotation = o.Rotation()
	}
	if spec.MaxLogSize != 0 {
		rotation.MaxSize = spec.MaxLogSize
	}
	if spec.MaxLogFiles != 0 {
		rotation.Keep = spec.MaxLogFiles
	}
	if spec.MaxLogAge != 0 {
		rotation.MaxAge = spec.MaxLogAge.D()
	}
	rotation.Compress = rotation.Compress || spec.CompressLog
	return rotation
}

// ApplyRotation has the logs that are written now follow the settings as they are now.
func (s *Supervisor) ApplyRotation() {
	if s.opts.Logs == nil {
		return
	}
	for _, p := range s.views() {
		for _, path := range []string{p.OutPath, p.ErrorPath, p.LogPath} {
			if path != "" {
				s.opts.Logs.SetRotation(path, s.opts.rotation(p.Spec))
			}
		}
	}
}

// openStdin makes a pipe that never ends for the child, which alone holds it, both ways: no death of ours is an end of file
// to it, and it costs no descriptor here. What is to be written to it goes through /proc/<pid>/fd/0.
func openStdin() (int, error) {
	fd, err := loop()
	if err != nil {
		return -1, fmt.Errorf("open a pipe for standard input: %w", err)
	}
	return fd, nil
}

func (k *kid) PID() int           { return k.Child.PID }
func (k *kid) Membership() string { return k.Child.Membership() }
func (k *kid) Trouble() error     { return k.trouble }

// Term asks the tree to end, or the main process alone where the user wants that.
func (k *kid) Term(sig syscall.Signal) (err error) {
	if k.byMessage && (k.Send([]byte(shutdownMessage)) == nil || k.line != nil && k.line.EndsItself()) {
		k.crew.do(k.Ease)
		return nil
	}
	k.crew.do(func() {
		if k.wholeTree {
			err = k.SignalTree(sig)
		} else {
			err = k.Signal(sig)
		}
	})
	return err
}

func (k *kid) Kill() (err error) {
	k.crew.do(func() {
		if k.wholeTree {
			err = k.Child.Kill()
		} else {
			err = k.Signal(syscall.SIGKILL)
		}
	})
	return err
}

// drainTime bounds how long a successor waits for the last words of its predecessor.
const drainTime = 200 * time.Millisecond

// Drain has the output so far written, so that a successor's comes after it.
func (k *kid) Drain() {
	if !slices.ContainsFunc(k.pipes, func(p *logs.Pipe) bool { return !isClosed(p.Done()) }) {
		return // all of it is, as mostly: nobody holds the pipes any more
	}
	k.crew.do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), drainTime)
		defer cancel()
		for _, p := range k.pipes {
			p.Flush(ctx)
		}
	})
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// Close gives back what is held, soon: nobody waits for it. Pipes live on until nobody writes to them any more.
func (k *kid) Close() {
	k.stay.end()
	if k.line != nil {
		k.line.Close()
	}
	k.signs.Close()
	if k.keptSigns != nil {
		k.keptSigns()
	}
	k.crew.later(func() {
		if k.Release() != nil { // some of the tree live on, as the user wants it
			k.WhenEmpty(func() { k.Release() })
		}
	})
}

// removePID takes the pid file away once nothing runs under it.
func (h *host) removePID(path string) {
	if path != "" {
		h.crew.do(func() { os.Remove(path) }) // it may never have been written
	}
}
