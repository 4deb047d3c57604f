package supervisor

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"weaver/app"
	"weaver/procstat"
	"weaver/supervisor/lifecycle"
)

// An app with sockets that are held and an idle time runs on demand: asleep, it is woken by whoever connects, who waits in
// the queue of the socket meanwhile; when nobody was connected for that time it sleeps again. A program that takes its
// sockets from LISTEN_FDS is on its own then. One that does not finds a PORT of its own in its environment, and as soon as
// it listens there connections are passed on to it.

// onDemand reports whether processes of this spec run only while somebody is connected.
func onDemand(s *app.Spec) bool { return s.Idle > 0 && len(s.Listen) > 0 }

// demandOf says what keeps a process of an app on demand from being spawned: that nobody has connected, or that its sockets
// cannot be held. Nil is nothing.
func (k *keeper) demandOf(spec *app.Spec) *app.Awaited {
	fds, err := k.sup.held.take(k.id, spec.Listen)
	switch {
	case err != nil:
		return &app.Awaited{Is: "cannot run on demand: " + err.Error(), Failed: true}
	case slices.ContainsFunc(fds, hasArrived):
		return nil
	}
	return &app.Awaited{Is: demandText(spec)}
}

func demandText(s *app.Spec) string {
	return "on demand: nobody is connected to " + strings.Join(s.Listen, ", ")
}

// demandKey says what is to be watched now: sockets while it sleeps, or who is connected while it runs.
func (k *keeper) demandKey() string {
	spec, c := k.proc.Spec, k.state.Cur
	switch {
	case !onDemand(spec):
		return ""
	case k.state.Hold == lifecycle.Asleep:
		return "asleep " + strings.Join(spec.Listen, " ")
	case c.Alive() && !c.Asked && c.PID != 0:
		return fmt.Sprintf("%d %p", c.Gen, spec)
	}
	return ""
}

// runDemand returns what watches, for a key that is not "". It is called by the keeper, and what it returns is not: the sockets
// are opened here, while it is certain that they are held.
func (k *keeper) runDemand() func(context.Context, *app.Spec) {
	asleep, gen, port := k.state.Hold == lifecycle.Asleep, k.state.Cur.Gen, 0
	if c, ok := k.kids[gen].(interface{ ProxyPort() int }); ok {
		port = c.ProxyPort()
	}
	fds, err := k.sup.held.take(k.id, k.proc.Spec.Listen)
	var gates []*os.File
	if err == nil {
		gates, err = openGates(fds)
	}
	return func(ctx context.Context, spec *app.Spec) {
		if err != nil {
			k.trouble("listen", err)
			return
		}
		var parts sync.WaitGroup
		for _, g := range gates {
			parts.Go(func() { // ends when its gate is closed
				switch {
				case asleep:
					k.watchArrivals(ctx, g)
				case port != 0:
					proxy{gate: g, port: port}.run(ctx)
				}
			})
		}
		if asleep {
			<-ctx.Done()
		} else {
			k.watchIdle(ctx, spec, gates, gen)
		}
		for _, g := range gates {
			g.Close()
		}
		parts.Wait()
	}
}

// watchArrivals wakes the keeper when somebody connects. Who leaves again at once is no reason to stop.
func (k *keeper) watchArrivals(ctx context.Context, g *os.File) {
	for arrived(g) {
		k.mail.put(reconsider{})
		select {
		case <-ctx.Done():
			return
		case <-time.After(proxyMost):
		}
	}
}

// watchIdle tells the keeper when nobody was connected for the idle time.
func (k *keeper) watchIdle(ctx context.Context, spec *app.Spec, gates []*os.File, gen uint64) {
	idle := spec.Idle.D()
	tick := time.NewTicker(min(max(idle/5, 20*time.Millisecond), 5*time.Second))
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if connected(spec) || slices.ContainsFunc(gates, gateHasArrived) {
			last = time.Now()
		}
		if time.Since(last) >= idle {
			k.mail.put(tell{in: lifecycle.Idle{Gen: gen}, cause: "idle: nobody was connected for " + idle.String()})
			last = time.Now() // it may not have been ready
		}
	}
}

// connected reports whether somebody is connected to a held socket; so it does when that cannot be told.
func connected(spec *app.Spec) bool {
	for _, text := range spec.Listen {
		l, err := app.ParseListen(text)
		if err != nil {
			continue // it was read before
		}
		n, err := procstat.Connected(l.Network, l.Port, l.Address)
		if n > 0 || err != nil {
			return true
		}
	}
	return false
}

// proxyPort is where a program on demand that does not know of held sockets is to listen, and puts it into its environment;
// 0 if there is no need for one.
func proxyPort(spec *app.Spec, env *app.Env) (int, error) {
	if !onDemand(spec) {
		return 0, nil
	}
	var held []int
	for _, text := range spec.Listen {
		if l, err := app.ParseListen(text); err == nil && l.Port != 0 {
			held = append(held, l.Port)
		}
	}
	text, _ := env.Get("PORT")
	port, err := strconv.Atoi(text)
	if err == nil && port > 0 && port <= 65535 && !slices.Contains(held, port) {
		return port, nil
	}
	if port, err = freePort(); err != nil {
		return 0, fmt.Errorf("find a port for %s: %w", spec.Name, err)
	}
	env.Set("PORT", strconv.Itoa(port))
	return port, nil
}

// ProxyPort is where the program is to listen if it does not know of held sockets; 0 is nowhere.
func (k *kid) ProxyPort() int { return k.proxy }

// proxyKey is where that is in the journal.
const proxyKey = "proxy"

// extra is what the journal keeps of a kid beside the rest.
func (k *kid) extra() map[string]json.RawMessage {
	m := k.stay.extra(k.line.extra())
	if k.proxy != 0 {
		if m == nil {
			m = map[string]json.RawMessage{}
		}
		m[proxyKey] = strconv.AppendInt(nil, int64(k.proxy), 10)
	}
	return m
}

// proxy passes the connections that arrive at one held socket on to a program that listens elsewhere.
type proxy struct {
	gate *os.File
	port int
}

// Pauses between tries to reach a program that does not listen yet, or never will.
const (
	proxyFirst = 5 * time.Millisecond
	proxyMost  = 200 * time.Millisecond
	// proxyTaken is how often the program has to take a connection itself to be known as one that does.
	proxyTaken = 3
)

// run passes connections on until ctx ends, or it is clear that the program takes them itself. A connection is not taken
// from the queue before the program can be reached: until then nothing is lost with this process.
func (p proxy) run(ctx context.Context) {
	pause, taken := proxyFirst, 0
	for taken < proxyTaken && arrived(p.gate) && ctx.Err() == nil {
		to, err := p.dial(ctx)
		if err != nil {
			select {
			case <-ctx.Done():
				return
			case <-time.After(pause):
			}
			pause = min(pause*2, proxyMost)
			if !gateHasArrived(p.gate) {
				taken++
			}
			continue
		}
		pause = proxyFirst
		from, err := acceptAt(p.gate)
		if err != nil || from == nil {
			to.Close()
			continue
		}
		go couple(from, to) // ends with the connection, whatever becomes of the process
	}
}

func (p proxy) dial(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	to, err := d.DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(p.port)))
	if err != nil {
		to, err = d.DialContext(ctx, "tcp", net.JoinHostPort("::1", strconv.Itoa(p.port)))
	}
	return to, err
}

// couple passes on what both ends of a connection say, each end's end too.
func couple(a, b net.Conn) {
	var half sync.WaitGroup
	for _, way := range [][2]net.Conn{{a, b}, {b, a}} {
		half.Go(func() { // ends with what it reads from, or writes to
			from, to := way[0], way[1]
			_, err := io.Copy(to, from)
			if c, ok := to.(interface{ CloseWrite() error }); ok && err == nil && c.CloseWrite() == nil {
				return
			}
			a.Close()
			b.Close()
		})
	}
	half.Wait()
	a.Close()
	b.Close()
}
