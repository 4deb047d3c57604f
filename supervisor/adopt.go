package supervisor

import (
	"fmt"
	"strconv"
	"strings"

	"weaver/app"
	"weaver/supervisor/lifecycle"
	"weaver/supervisor/nodeipc"
	"weaver/supervisor/spawn"
)

// estate is the descriptors that a former supervisor left, by the names under which they were kept.
type estate map[string]int

// claim takes a descriptor out, which is the caller's then.
func (e estate) claim(name string) (fd int, ok bool) {
	fd, ok = e[name]
	delete(e, name)
	return fd, ok
}

// Handle says how to find the child again.
func (k *kid) Handle() handle {
	group, why := k.Group()
	hd := handle{Start: k.StartTime, Group: group, Why: why, Pipes: k.inodes, Extra: k.extra()}
	if holds := k.Holds(); len(holds) > 0 {
		hd.Bounds = &boundsRecord{k.Bounds(), holds}
	}
	return hd
}

// notePipes notes what the log pipes are known by.
func (k *kid) notePipes() {
	for i, pipe := range k.pipes {
		if fd := pipe.Source(); fd >= 0 {
			if inode, ok := inodeOf(fd); ok {
				k.inodes = append(k.inodes, pipeRecord{streams[i], inode})
			}
		}
	}
}

// adopt finds what a former supervisor had under that generation: a process, a zombie, survivors of its tree, what it printed
// last.
func (h *host) adopt(p *app.Process, c lifecycle.Child, hd handle, left estate, exited func(spawn.Exit)) (f found) {
	h.crew.do(func() { f = h.adoptHere(p, c, hd, left, exited) })
	return f
}

func (h *host) adoptHere(p *app.Process, c lifecycle.Child, hd handle, left estate, exited func(spawn.Exit)) found {
	former := spawn.Former{
		PID: c.PID, StartTime: hd.Start, Tag: tagOf(h.opts.Identity, p.ID, c.Gen), Group: hd.Group, Why: hd.Why, Dead: c.Dead,
	}
	if b := hd.Bounds; b != nil {
		former.Bounds, former.Holds = b.Bounds, b.Holds
	}
	if c.PID == 0 {
		var ok bool
		if former, ok = h.opts.Spawner.Find(former.Tag); !ok {
			return found{} // what it may have printed is taken care of with the rest of the estate
		}
		former.Bounds = boundsOf(p.Spec) // what was to hold them is looked for
		hd.Extra = toldTo(former.PID, p.Spec)
	}
	k := &kid{
		crew: h.crew, wholeTree: app.IsTrue(p.Spec.TreeKill), byMessage: h.opts.Defaults.byMessage(p.Spec), pidFile: p.PIDPath,
		inodes: hd.Pipes, sampled: h.opts.Sampler != nil,
	}
	k.proxy, _ = strconv.Atoi(string(hd.Extra[proxyKey])) // 0 is none
	var alive bool
	var err error
	if k.Child, alive, err = h.opts.Spawner.Adopt(former, exited); err != nil {
		return found{err: err}
	}
	for i, stream := range streams {
		h.adoptPipe(k, p, c.Gen, stream, i+1, alive, left)
	}
	if c.PID == 0 {
		k.notePipes()
		k.writePID()
	}
	deaf := h.adoptLine(k, p, c, hd, alive, left)
	k.stay = h.stay(p, c.Gen)
	sides := hd.Extra[sidesKey]
	if c.PID == 0 {
		sides = k.stay.sidesIn(p.Spec.Listen, k.PID())
	}
	if err := k.stay.resume(p.Spec.Listen, sides, c.Ready && !c.Dying()); err != nil {
		k.trouble = err
	}
	h.adoptSigns(k, p, c.Gen, alive, left)
	return found{child: k, alive: alive, deaf: alive && deaf}
}

// adoptPipe goes on with a log pipe: with the end that was kept, or with that of the process itself, which can read what it
// writes.
func (h *host) adoptPipe(k *kid, p *app.Process, gen uint64, stream app.Stream, number int, alive bool, left estate) {
	if p.Spec.DisableLogs {
		return
	}
	name := pipeName(p.ID, gen, stream)
	fd, kept := left.claim(name)
	want := uint64(0)
	for _, r := range k.inodes {
		if r.Stream == stream {
			want = r.Inode
		}
	}
	if inode, ok := inodeOf(fd); kept && want != 0 && (!ok || inode != want) {
		closeFD(fd)
		kept = false
	}
	if !kept {
		if !alive {
			return
		}
		var err error
		if fd, err = openEnd(k.PID(), number, want); err != nil {
			k.trouble = fmt.Errorf("the output of %s (%s) is lost: %w", p.Name, stream, err)
			return
		}
	}
	pipe, err := h.opts.Logs.Adopt(h.pipeOptions(p, gen, stream), fd)
	if err != nil {
		closeFD(fd)
		k.trouble = fmt.Errorf("take over the output of %s: %w", p.Name, err)
		return
	}
	k.pipes = append(k.pipes, pipe)
	if h.opts.Store != nil && !kept {
		_ = h.opts.Store.Put(name, fd) // the process itself holds it too
	}
}

// adoptLine goes on with the IPC channel. deaf: it cannot be, and it was all that connections came by.
func (h *host) adoptLine(k *kid, p *app.Process, c lifecycle.Child, hd handle, alive bool, left estate) (deaf bool) {
	name := channelName(p.ID, c.Gen)
	fd, kept := left.claim(name)
	if h.opts.IPC == nil {
		if kept {
			closeFD(fd)
		}
		return false
	}
	if inode, _ := strconv.ParseUint(string(hd.Extra[channelKey]), 10, 64); !kept {
		if inode == 0 || !alive {
			return false
		}
		var err error
		if fd, err = socketOf(k.PID(), inode); err != nil { // the process runs on, and nobody hears it
			k.trouble = fmt.Errorf("messages of %s are lost: %w", p.Name, err)
			policy, _ := handOut(p.Spec, p.Spec.Env) // it was told of what is wrong with it when it was started
			return clusters(p.Spec) && policy == nodeipc.RoundRobin
		}
	}
	l, err := h.adoptChannel(p, c, hd.Extra, fd)
	if err != nil {
		closeFD(fd)
		k.trouble = err
		return false
	}
	k.line = l
	if h.opts.Store != nil && !kept {
		_ = h.opts.Store.Put(name, fd) // the process itself holds it too
	}
	return false
}

// settleEstate deals with what nobody claimed: pipes of processes that are known are read to their end, since what is in
// them was printed before the process ended; the rest is closed, and dropped from the store.
func (h *host) settleEstate(left estate, process func(app.ID) *app.Process) {
	var names []string
	for name, fd := range left {
		id, gen, stream, ok := parsePipeName(name)
		if p := process(id); ok && p != nil {
			if _, err := h.opts.Logs.Adopt(h.pipeOptions(p, gen, stream), fd); err == nil {
				continue
			}
		}
		closeFD(fd)
		names = append(names, name)
	}
	clear(left)
	h.opts.Logs.Adopted()
	if h.opts.Store != nil && len(names) > 0 {
		_ = h.opts.Store.Remove(names...) // see drops
	}
}

func parsePipeName(name string) (id app.ID, gen uint64, stream app.Stream, ok bool) {
	part := strings.Split(name, "/")
	if len(part) != 4 || part[0] != "log" {
		return 0, 0, "", false
	}
	n, err := strconv.Atoi(part[1])
	gen, gerr := strconv.ParseUint(part[2], 10, 64)
	stream = app.Stream(part[3])
	return app.ID(n), gen, stream, err == nil && gerr == nil && (stream == app.Out || stream == app.Err)
}

func (h *host) find(id app.ID, gen uint64) (pid int) {
	f, ok := h.opts.Spawner.Find(tagOf(h.opts.Identity, id, gen))
	if !ok {
		return 0
	}
	return f.PID
}

func (h *host) killUnborn() { h.opts.Spawner.KillUnborn(func(int) bool { return false }) }
