package daemon

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"weaver/daemon/anchor"
)

// descriptors is what the anchor keeps for this supervisor and its successors, and who of it is where here. It is what a
// successor inherits when this process dies at once, and what this process takes along when it becomes the anchor itself,
// because that has died. Names are explained in package anchor.
//
// Whoever puts a descriptor keeps it open under its number until it has removed or replaced the name. Removing it closes
// the anchor's copy, which ends nothing as long as there is another: end a channel by shutdown(2).
type descriptors struct {
	link *link
	// Descriptors that the anchor handed down, 0 without one: of daemon.lock, of the executable that runs here, and of the
	// anchor's.
	lock, exe, anchorExe int

	mu      sync.Mutex
	kept    map[string]held
	left    map[string]int      // of the last supervisor, not fetched yet
	behind  map[string]struct{} // names whose last change the anchor does not know: it was slow
	pushing bool                // somebody is at it
}

// held is a descriptor and what it leads to: its number may be another's, if somebody forgot to remove it.
type held struct {
	fd       int
	dev, ino uint64
}

// storePatience is how long to wait for an anchor that does not read. After that its copy comes later.
const storePatience = 250 * time.Millisecond

// inherit takes over what the anchor has handed down.
func (d *descriptors) inherit() (err error) {
	d.left, err = inheritStore()
	d.exe, d.anchorExe = d.left[anchor.ExeName], d.left[anchor.AnchorName]
	delete(d.left, anchor.ExeName)
	delete(d.left, anchor.AnchorName)
	return err
}

// Fetch returns what the last supervisor left and nobody has taken yet, by name. The descriptors are the caller's, who either
// claims a name by going on with it, or removes it.
func (d *descriptors) Fetch() map[string]int { return d.Take("") }

// Take is Fetch of the names that begin with prefix.
func (d *descriptors) Take(prefix string) map[string]int {
	d.mu.Lock()
	defer d.mu.Unlock()
	taken := map[string]int{}
	for name, fd := range d.left {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		delete(d.left, name)
		taken[name] = fd
		if h, err := identify(fd); err == nil {
			d.set(name, h)
		}
	}
	return taken
}

// Retain has the anchor drop all that it holds but these, and what was put since. It closes nothing here: that is for the
// owner of what Fetch returned.
func (d *descriptors) Retain(claimed func(name string) bool) error {
	d.mu.Lock()
	var drop []string
	for name := range d.kept {
		if !claimed(name) {
			drop = append(drop, name)
		}
	}
	d.mu.Unlock()
	return d.Remove(drop...)
}

// Put has the anchor keep a copy of a descriptor. The same name replaces.
func (d *descriptors) Put(name string, fd int) error { return d.PutAll([]string{name}, []int{fd}) }

// PutAll is Put of several, which is hardly slower than of one.
func (d *descriptors) PutAll(names []string, fds []int) error {
	if len(names) != len(fds) {
		return fmt.Errorf("keep descriptors: %d names for %d", len(names), len(fds))
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, name := range names {
		if !anchor.ValidName(name) {
			return fmt.Errorf("keep descriptor %d: %.40q is no name for it", fds[i], name)
		}
		h, err := identify(fds[i])
		if err != nil {
			return fmt.Errorf("keep descriptor %d as %s: %w", fds[i], name, err)
		}
		if _, had := d.kept[name]; !had && len(d.kept) >= anchor.MaxStored {
			return fmt.Errorf("keep descriptor %d as %s: there are %d already", fds[i], name, len(d.kept))
		}
		d.set(name, h)
	}
	for len(names) > 0 {
		n := portion(names)
		d.push(anchor.MessageKeep, names[:n], fds[:n])
		names, fds = names[n:], fds[n:]
	}
	return nil
}

func (d *descriptors) set(name string, h held) {
	if d.kept == nil {
		d.kept = map[string]held{}
	}
	d.kept[name] = h
}

// Remove has the anchor close its copies. Names that it does not have are none of anybody's concern.
func (d *descriptors) Remove(names ...string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var had []string
	for _, name := range names {
		if _, ok := d.kept[name]; ok {
			delete(d.kept, name)
			had = append(had, name)
		}
	}
	for len(had) > 0 {
		n := portion(had)
		d.push(anchor.MessageDrop, had[:n], nil)
		had = had[n:]
	}
	return nil
}

// portion is how many names go with one message.
func portion(names []string) int {
	size := 16
	for i, name := range names {
		if size += len(name) + 1; i == anchor.MaxRights || size > anchor.MaxMessage {
			return i
		}
	}
	return len(names)
}

// push sends a change, or leaves it for later if the anchor does not read. Call it with d.mu held.
func (d *descriptors) push(word string, names []string, fds []int) {
	l := d.link
	if !l.present() || l.gone() {
		return // what is kept here counts when this process becomes the anchor
	}
	if len(d.behind) == 0 || word == anchor.MessageDrop && !d.anyBehind(names) {
		patience := storePatience
		if len(d.behind) > 0 {
			patience = 0
		}
		if sendRights(l.file, word+" "+strings.Join(names, " "), fds, patience) == nil {
			return
		}
	}
	if d.behind == nil {
		d.behind = map[string]struct{}{}
	}
	for _, name := range names {
		d.behind[name] = struct{}{}
	}
	if !d.pushing {
		d.pushing = true
		go d.catchUp() // ends when the anchor knows all, or is gone
	}
}

func (d *descriptors) anyBehind(names []string) bool {
	for _, name := range names {
		if _, yes := d.behind[name]; yes {
			return true
		}
	}
	return false
}

// catchUp tells a slow anchor what it does not know, as it is by now.
func (d *descriptors) catchUp() {
	for {
		time.Sleep(storePatience / 8)
		d.mu.Lock()
		if d.link.gone() {
			d.behind = nil
		}
		for name := range d.behind {
			if !d.resend(name) {
				break
			}
			delete(d.behind, name)
		}
		if len(d.behind) == 0 {
			d.behind, d.pushing = nil, false
			d.mu.Unlock()
			return
		}
		d.mu.Unlock()
	}
}

// resend tells the anchor the state of one name.
func (d *descriptors) resend(name string) bool {
	h, kept := d.kept[name]
	if !kept || !h.same() {
		return sendRights(d.link.file, anchor.MessageDrop+" "+name, nil, 0) == nil
	}
	return sendRights(d.link.file, anchor.MessageKeep+" "+name, []int{h.fd}, 0) == nil
}

// same reports that the number still leads where it did.
func (h held) same() bool {
	now, err := identify(h.fd)
	return err == nil && now == h
}

// all returns what is kept, by name, of what can be handed down, and what it leads to: what is closed afterwards, and whose number
// is another's then, is seen by who inherits it.
func (d *descriptors) all() (out map[string]int, ids map[string]anchor.ID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	out, ids = map[string]int{}, map[string]anchor.ID{}
	for name, fd := range d.left {
		out[name] = fd
	}
	for name, h := range d.kept {
		if h.same() {
			out[name], ids[name] = h.fd, anchor.ID{Dev: h.dev, Ino: h.ino}
		}
	}
	return out, ids
}

// refused forgets what the anchor could not keep.
func (d *descriptors) refused(names []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, name := range names {
		delete(d.kept, name)
	}
}
