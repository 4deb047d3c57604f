package supervisor

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"weaver/app"
	"weaver/supervisor/lifecycle"
	"weaver/supervisor/spawn"
)

// boundsOf is what a spec allows the tree of an instance.
func boundsOf(s *app.Spec) spawn.Bounds {
	return spawn.Bounds{CPU: s.MaxCPU / 100, Memory: int64(s.MaxMemory), Pids: s.MaxPIDs, IOWeight: s.IOWeight}
}

// bySampling is the means where the kernel does not count the memory of a tree.
const bySampling = "a look every second"

// ceilings says what a child may use, and what holds that. sampled says that its memory is looked at.
func ceilings(b spawn.Bounds, holds []spawn.Hold, sampled bool) []app.Ceiling {
	var out []app.Ceiling
	for _, h := range holds {
		c := app.Ceiling{What: string(h.What), By: h.By, Why: h.Why}
		switch h.What {
		case spawn.CPU:
			c.Limit = strconv.FormatFloat(100*b.CPU, 'f', -1, 64) + "% of a core"
		case spawn.Memory:
			c.Limit = app.Bytes(b.Memory).String()
			if c.By == "" && sampled {
				c.By = bySampling
			}
		case spawn.Pids:
			c.Limit = strconv.Itoa(b.Pids)
		case spawn.IO:
			c.Limit = "weight " + strconv.Itoa(b.IOWeight)
		}
		out = append(out, c)
	}
	return out
}

// Ceilings says what the child may use, and what holds that.
func (k *kid) Ceilings() []app.Ceiling { return ceilings(k.Bounds(), k.Holds(), k.sampled) }

// heldBack notes the ceilings of the child that was launched or taken over, and tells of those that nothing holds.
func (k *keeper) heldBack(c child, news bool) {
	k.proc.Ceilings = c.Ceilings()
	if !news {
		return
	}
	for i := range k.proc.Ceilings {
		if c := &k.proc.Ceilings[i]; c.By == "" {
			k.fail("max_"+c.What, fmt.Errorf("%s", c.String()))
		}
	}
}

// watchMemory looks once a second at the processes whose memory has a limit that the kernel does not hold by itself.
func (s *Supervisor) watchMemory(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, k := range s.reg.snapshot() {
			if p := k.view.Load(); p.PID != 0 && (p.Spec.MaxMemoryRestart > 0 || len(p.Ceilings) > 0) {
				s.checkMemory(k, p)
			}
		}
	}
}

// checkMemory reloads a process whose tree uses more than max_memory_restart, and restarts one that uses more than
// max_memory, or of which the kernel had to kill a part for that.
func (s *Supervisor) checkMemory(k *keeper, p *app.Process) {
	var used app.Bytes
	if u, ok := s.opts.Sampler.Read(k.measured(p.PID, p.Gen)); ok {
		used = app.Bytes(u.RSS)
	}
	limit := p.Spec.MaxMemoryRestart
	if limit > 0 && used > limit && p.Status == app.Online {
		s.overMemory(k, p, lifecycle.Reload{Gen: p.Gen},
			fmt.Sprintf("restarted because it exceeds max_memory_restart (current_memory=%d max_memory_limit=%d [octets])", int64(used), int64(limit)),
			fmt.Sprintf("memory: the tree used %s of max_memory_restart %s", used, limit))
		return
	}
	for i := range p.Ceilings {
		c := &p.Ceilings[i]
		if c.What != string(spawn.Memory) {
			continue
		}
		if c.By != bySampling {
			k.mail.put(countKills{p.Gen})
			continue
		}
		if limit := p.Spec.MaxMemory; limit > 0 && used > limit {
			why := fmt.Sprintf("memory: the tree used %s of max_memory %s", used, limit)
			s.overMemory(k, p, lifecycle.Restart{Gen: p.Gen}, why, why)
		}
	}
}

func (s *Supervisor) overMemory(k *keeper, p *app.Process, in lifecycle.Input, message, cause string) {
	k.publishEvent(app.Event{Kind: app.EventWarning, ID: k.id, Name: p.Name, PID: p.PID, Gen: p.Gen, Message: message})
	k.mail.put(tell{in: in, cause: cause})
}

// countKills asks whether the kernel has killed a part of an incarnation for want of memory, while its main process goes on.
type countKills struct{ gen uint64 }

func (countKills) message() {}

// counted restarts what is not whole any more.
func (k *keeper) counted(gen uint64) {
	c := k.kids[gen]
	if c == nil || gen != k.state.Cur.Gen || !k.state.Cur.Alive() || k.state.Cur.Asked {
		return
	}
	if killer, ok := c.(interface{ OOMKills() uint64 }); !ok || killer.OOMKills() == 0 {
		return
	}
	why := fmt.Sprintf("memory: the kernel killed a part of the tree, which reached max_memory %s", k.proc.Spec.MaxMemory)
	k.publishEvent(app.Event{Kind: app.EventWarning, ID: k.id, Name: k.proc.Name, Gen: gen, Message: why})
	k.blame(finding{gen: gen, why: why}, lifecycle.Restart{Gen: gen})
}
