//go:build unix

package hot

import (
	"slices"
	"strings"
	"syscall"
	"time"

	"weaver/lock"
)

// act has the daemon change something. Mostly the arguments are the names of the apps, so their locks are taken and sent
// along; if they mean others, the daemon does nothing, and is asked which before it is sent the right ones.
func (t *try) act(r request) (code int, handled bool) {
	wait, ok := t.lockWait(r)
	if !ok {
		return 0, false
	}
	t.op = operation()
	for range 1 + repeats {
		if code, handled = t.ask(r, wait); code != cutOff {
			return code, handled
		}
		t.asked = true                   // the next daemon has the same socket, and knows what the last one did of it
		time.Sleep(5 * time.Millisecond) // one that is about to end goes on accepting for a moment
	}
	return t.broken(r), true
}

// repeats is how often the same is asked for again: perhaps it is what kills the daemons.
const repeats = 5

// alive reports that a daemon answers.
func alive(c *conn) bool {
	if _, err := c.send(query("GET", "ping", nil, ""), nil); err != nil {
		return false
	}
	h, err := c.head()
	if err != nil || h.status != 200 || h.close {
		return false
	}
	_, fits, err := c.whole(h.length)
	return err == nil && fits && c.off == c.end
}

// ask is one try.
func (t *try) ask(r request, wait time.Duration) (code int, handled bool) {
	c, err := dial(t.home.Socket(), t.patience)
	if err != nil {
		return 0, false
	}
	defer c.close()
	if t.asked && !alive(c) {
		return 0, false
	}
	if wait < 0 {
		return t.demand(c, r, nil, "")
	}
	if held := t.guess(r.args); held != nil {
		code, handled = t.demand(c, r, held, "&l=1")
		release(held)
		if code != otherLocks {
			return code, handled
		}
	}
	apps, ok := t.resolve(c, r)
	if !ok {
		return 0, false
	}
	held, err := t.lock(apps, wait)
	defer release(held)
	if err != nil {
		return t.lockFailed(err, wait)
	}
	return t.demand(c, r, held, "")
}

// What demand returns instead of a code to exit with.
const (
	otherLocks = -1 - iota // the apps were others than those locked
	cutOff                 // the daemon went away, and nothing was printed
)

// demand sends the request with the locks, and prints what came of it. more is added to the query.
func (t *try) demand(c *conn, r request, held []*lock.Lock, more string) (code int, handled bool) {
	var fds []int
	for _, l := range held {
		fds = append(fds, l.FD())
	}
	cols, colour := t.terminal(r.noColor)
	// From here on there is no way back: the daemon may be at it as soon as the first byte has left.
	if c.deadline(0) != nil {
		return 0, false
	}
	started, err := c.send(query("POST", r.form.verb, r.args, tail(r, t.persona, cols, colour)+"&o="+t.op+more), fds)
	if err != nil {
		return t.refused(r, started, err)
	}
	h, err := c.head()
	if err == nil && h.status == 200 && h.length <= bufSize { // wait for all of it before any is printed
		err = c.all(h.length)
	}
	switch {
	case err == syscall.ECONNRESET, err == syscall.EPIPE, err == errShort:
		return cutOff, false
	case err != nil:
		return t.broken(r), true
	case h.status == 409 && more != "" && h.length == 0 && !h.close && c.off == c.end && c.deadline(t.patience) == nil:
		return otherLocks, false
	case h.status != 200: // not hot after all: it did nothing
		t.declined = true
		return 0, false
	case h.exit < 0:
		return t.broken(r), true
	}
	return t.stream(c, h, r)
}

// refused decides what a request that could not be sent means. A connection that was closed before the first byte left
// is as if there had been none.
func (t *try) refused(r request, started bool, err error) (code int, handled bool) {
	if !started && (err == syscall.EPIPE || err == syscall.ECONNRESET || err == syscall.ENOTCONN || err == syscall.ETOOMANYREFS) {
		return 0, false
	}
	if err == syscall.EPIPE || err == syscall.ECONNRESET {
		return cutOff, false
	}
	return t.broken(r), true
}

// resolve asks for the names of the apps that the arguments mean.
func (t *try) resolve(c *conn, r request) (apps []string, ok bool) {
	if _, err := c.send(query("GET", "resolve", r.args, ""), nil); err != nil {
		return nil, false
	}
	h, err := c.head()
	if err != nil || h.status != 200 || h.exit > 0 || h.errLen > 0 || h.close {
		t.declined = err == nil
		return nil, false
	}
	body, fits, err := c.whole(h.length)
	if err != nil || !fits || c.off != c.end { // more than was asked for
		return nil, false
	}
	apps = names(string(body))
	return apps, len(apps) <= maxRights
}

// maxRights is how many descriptors one message takes (SCM_MAX_FD of Linux). For more apps the full front end has a way.
const maxRights = 253

// names splits lines, sorted and each once: everybody takes locks in this order, so nobody waits in a circle.
func names(body string) []string {
	var apps []string
	for line := range strings.SplitSeq(body, "\n") {
		if line != "" {
			apps = append(apps, line)
		}
	}
	slices.Sort(apps)
	return slices.Compact(apps)
}

func release(locks []*lock.Lock) {
	for _, l := range locks {
		_ = l.Release() // closes our copy; the daemon's keeps the lock
	}
}
