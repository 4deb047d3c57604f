package supervisor

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"weaver/app"
	"weaver/supervisor/health"
	"weaver/supervisor/spawn"
)

// Signs are what the program can say by itself; nil for one that nobody listens to.
func (k *kid) Signs() *health.Signs { return k.signs }

// signs makes what a program can say by itself, if a probe wants to hear it, and tells the program where.
func (h *host) signs(p *app.Process, gen uint64, env *app.Env, extra *[]int, user *spawn.User) (*health.Signs, *os.File, error) {
	env.Unset(notifyVar)
	address, fd, beat := h.signsOf(p, gen)
	if address == "" && fd == 0 {
		return nil, nil, nil
	}
	if address != "" {
		env.Set(notifyVar, address)
	}
	if beat > 0 {
		env.Set("WATCHDOG_USEC", strconv.FormatInt(beat.Microseconds(), 10))
	}
	s, err := health.NewSigns(address, uidOf(user))
	if err != nil || fd == 0 {
		return s, nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		s.Close()
		return nil, nil, fmt.Errorf("open the readiness pipe: %w", err)
	}
	s.ReadyFD = r
	for len(*extra) < fd-3 {
		*extra = append(*extra, -1)
	}
	*extra = append(*extra, int(w.Fd()))
	return s, w, nil
}

// signsOf says which signs the probes of an incarnation wait for: the address of a socket for datagrams, the number of a
// descriptor for a newline, and how often a heartbeat is due.
func (h *host) signsOf(p *app.Process, gen uint64) (address string, fd int, beat time.Duration) {
	want := p.Spec.Health
	if want == nil {
		return "", 0, 0
	}
	for _, probe := range []*app.Probe{want.Startup, want.Readiness, want.Liveness} {
		switch {
		case probe == nil:
		case probe.Kind == app.ProbeNotify || probe.Kind == app.ProbeHeartbeat:
			address = "@" + strings.ReplaceAll(tagOf("weaver/"+h.opts.Identity, p.ID, gen), "/", ".")
			if probe.Kind == app.ProbeHeartbeat {
				beat = health.Interval(probe, false)
			}
		case probe.Kind == app.ProbeFD:
			fd = probe.FD
		}
	}
	return address, fd, beat
}

func uidOf(user *spawn.User) int {
	if user == nil {
		return os.Getuid()
	}
	return int(user.UID)
}

// signsName is what the store keeps the socket and the pipe of an incarnation's signs under.
func signsName(id app.ID, gen uint64, what string) string {
	return "signs/" + id.String() + "/" + strconv.FormatUint(gen, 10) + "/" + what
}

// The two.
const (
	signsSocket = "notify"
	signsReady  = "ready"
)

// kept calls f for each descriptor of signs that the store keeps.
func keptSigns(s *health.Signs, id app.ID, gen uint64, f func(name string, fd int)) {
	for what, fd := range map[string]int{signsSocket: s.Socket(), signsReady: s.Ready()} {
		if fd >= 0 {
			f(signsName(id, gen, what), fd)
		}
	}
}

// adoptSigns goes on listening to what an incarnation says by itself.
func (h *host) adoptSigns(k *kid, p *app.Process, gen uint64, alive bool, left estate) {
	address, number, _ := h.signsOf(p, gen)
	if !alive || address == "" && number == 0 {
		return // what the store kept is dropped with the rest of the estate
	}
	fds := map[string]int{}
	for _, what := range []string{signsSocket, signsReady} {
		fd, ok := left.claim(signsName(p.ID, gen, what))
		if !ok {
			fd = -1
		}
		fds[what] = fd
	}
	user, err := credentials(p.Spec, &app.Env{})
	if err == nil {
		k.signs, err = health.AdoptSigns(address, uidOf(user), fds[signsSocket], fds[signsReady])
	}
	if err != nil {
		k.trouble = fmt.Errorf("listen to %s again: %w", p.Name, err)
		return
	}
	k.keptSigns = h.signsDropped(k.signs, p.ID, gen)
}

// signsDropped returns what has the store forget signs.
func (h *host) signsDropped(s *health.Signs, id app.ID, gen uint64) func() {
	if h.opts.Store == nil || s == nil {
		return nil
	}
	var names []string
	keptSigns(s, id, gen, func(name string, _ int) { names = append(names, name) })
	return func() {
		for _, name := range names {
			h.dropped.add(name)
		}
	}
}

const notifyVar = "NOTIFY_SOCKET"
