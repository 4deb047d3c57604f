package daemon

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"weaver/config"
)

// gate lets in members of groups beside the daemon's own user and root. Its zero value, and a nil one, let in nobody else.
//
// What counts is what the kernel says of a peer when it connects: user and groups. Modes of files are only there to have
// strangers turned away earlier. The home becomes one that can be passed through and not be looked into (0711). With one group
// in all the settings the socket is that group's (0660), so that others cannot even connect. A socket has one group, so with
// several it is open to be connected to (0666), and who has no role is told so and may hold few connections, for a short time.
type gate struct {
	mu     sync.Mutex
	groups map[int]role       // the most that its members may
	guests map[*conn]struct{} // connections of other users
	noted  int                // refusals in the audit log since began
	missed int                // and those that are not in it
	began  time.Time
}

const (
	// guestConns bounds the connections of other users that are open at once: descriptors are for services.
	guestConns = 512
	// strangerConns bounds those of users without a role, and strangerTime their lives.
	strangerConns = 8
	strangerTime  = 5 * time.Second
	// refusalsNoted is how many refusals a minute are noted: nobody is to push what was done out of the audit log.
	refusalsNoted = 60
	// guestBody bounds a request of another user who is no administrator.
	guestBody = 1 << 20
)

// nobodysGroup is what the kernel calls a group that it has no number for in a user namespace: anybody's.
const nobodysGroup = 65534

// errStranger says that nobody but the owner gets in.
var errStranger = errors.New("has no business here")

// admit gives a connection of another user its role, or refuses it.
func (g *gate) admit(c *conn) error {
	if g == nil || !g.open() {
		return errStranger
	}
	groups, err := groupsOf(c.UnixConn)
	if err != nil {
		return fmt.Errorf("is of unknown groups: %w", err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.groups) == 0 {
		return errStranger
	}
	c.role = g.role(append(groups, c.peer.GID))
	strangers := 0
	for guest := range g.guests {
		if guest.role == stranger {
			strangers++
		}
	}
	if len(g.guests) >= guestConns || c.role == stranger && strangers >= strangerConns {
		return errors.New("has too many connections, or others do")
	}
	if c.role == stranger {
		c.SetDeadline(time.Now().Add(strangerTime))
	}
	if g.guests == nil {
		g.guests = map[*conn]struct{}{}
	}
	c.gate, g.guests[c] = g, struct{}{}
	return nil
}

// role is the most that any of the groups may. Call it with mu held.
func (g *gate) role(groups []int) (r role) {
	for _, gid := range groups {
		r = max(r, g.groups[gid])
	}
	return r
}

func (g *gate) open() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.groups) > 0
}

// set lets other groups in. Whoever is in with a role that is no longer theirs is cut off.
func (g *gate) set(groups map[int]role) {
	g.mu.Lock()
	g.groups = groups
	var out []*conn
	for c := range g.guests {
		of, err := groupsOf(c.UnixConn)
		if err != nil || g.role(append(of, c.peer.GID)) != c.role {
			out = append(out, c)
		}
	}
	g.mu.Unlock()
	for _, c := range out { // which takes them off
		c.Close()
	}
}

// leave forgets a connection.
func (g *gate) leave(c *conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.guests, c)
}

// noteRefusal reports whether a refusal is to be noted, and how many were not since the last that was.
func (g *gate) noteRefusal(now time.Time) (missed int, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now.Sub(g.began) >= time.Minute {
		g.began, g.noted = now, 0
	}
	if g.noted >= refusalsNoted {
		g.missed++
		return 0, false
	}
	g.noted++
	missed, g.missed = g.missed, 0
	return missed, true
}

// groupsIn finds the groups of the settings, and what their members may. What is not found is an error, and lets nobody in.
func groupsIn(s *config.Settings) (map[int]role, error) {
	groups := map[int]role{}
	var errs []error
	for _, of := range []struct {
		names string
		role  role
	}{{s.Socket.Read, reader}, {s.Socket.Operate, operator}, {s.Socket.Admin, administrator}} {
		for name := range strings.SplitSeq(of.names, ",") {
			if name = strings.TrimSpace(name); name == "" {
				continue
			}
			gid, err := groupNamed(name)
			if err != nil {
				errs = append(errs, fmt.Errorf("socket.%s: %w", of.role, err))
				continue
			}
			groups[gid] = max(groups[gid], of.role)
		}
	}
	return groups, errors.Join(errs...)
}

// groupNamed finds a group by its name, or number.
func groupNamed(name string) (int, error) {
	gid, err := strconv.Atoi(name)
	if g, lerr := user.LookupGroup(name); lerr == nil {
		gid, err = strconv.Atoi(g.Gid)
	}
	switch {
	case err != nil || gid < 0:
		return 0, fmt.Errorf("there is no group %s", name)
	case gid == nobodysGroup:
		return 0, fmt.Errorf("group %s is that of whoever has none", name)
	}
	return gid, nil
}

// share opens or closes the doors of the file system, as the gate is.
func (d *daemon) share() error {
	d.gate.mu.Lock()
	groups := make([]int, 0, 1)
	for gid := range d.gate.groups {
		groups = append(groups, gid)
	}
	d.gate.mu.Unlock()
	if len(groups) == 0 {
		return d.unshare()
	}
	info, err := os.Stat(d.home.Dir)
	if err != nil {
		return fmt.Errorf("share the home: %w", err)
	}
	// First what the home's mode has protected until now.
	if hidden := hiddenBy(info.Mode().Perm()); hidden != 0 {
		if err := d.seal(hidden); err != nil {
			return fmt.Errorf("share the home: %w", err)
		}
		if err := os.Chmod(d.home.Dir, info.Mode().Perm()|0o711); err != nil {
			return fmt.Errorf("share the home: %w", err)
		}
	}
	mode := os.FileMode(0o666)
	if len(groups) == 1 && os.Chown(d.home.Socket(), -1, groups[0]) == nil { // who is no member may not give it away
		mode = 0o660
	}
	if err := os.Chmod(d.home.Socket(), mode); err != nil {
		return fmt.Errorf("share the socket: %w", err)
	}
	return nil
}

// hiddenBy is which bits of the modes of files in a directory mattered little, since that kept others out. One that was opened
// here before is closed to look into.
func hiddenBy(dir os.FileMode) (bits os.FileMode) {
	if dir == 0o711 {
		return 0o077
	}
	if dir&0o010 == 0 {
		bits |= 0o070
	}
	if dir&0o001 == 0 {
		bits |= 0o007
	}
	return bits
}

// seal takes bits from the modes of all that is in the home, but the socket.
func (d *daemon) seal(bits os.FileMode) error {
	entries, err := os.ReadDir(d.home.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := filepath.Join(d.home.Dir, e.Name())
		info, err := e.Info()
		if err != nil || info.Mode()&os.ModeSymlink != 0 || path == d.home.Socket() || info.Mode().Perm()&bits == 0 {
			continue // it is gone, or leads elsewhere, or is closed
		}
		if err := os.Chmod(path, info.Mode().Perm()&^bits); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// unshare closes what share has opened.
func (d *daemon) unshare() error {
	err := os.Chmod(d.home.Socket(), 0o600)
	if err == nil {
		err = os.Chown(d.home.Socket(), -1, os.Getegid())
	}
	if info, serr := os.Stat(d.home.Dir); serr == nil && info.Mode().Perm() == 0o711 {
		err = errors.Join(err, os.Chmod(d.home.Dir, 0o700))
	}
	if err != nil {
		return fmt.Errorf("close the home to others: %w", err)
	}
	return nil
}

// shareAgain is for a socket that is new, or comes from another supervisor.
func (d *daemon) shareAgain() {
	socket, err := os.Stat(d.home.Socket())
	dir, derr := os.Stat(d.home.Dir)
	if !d.gate.open() && err == nil && socket.Mode().Perm()&0o077 == 0 && derr == nil && (d.home.PM2 || dir.Mode().Perm() != 0o711) {
		return
	}
	if err := d.share(); err != nil {
		d.log.Error("roles", zap.Error(err))
	}
}
