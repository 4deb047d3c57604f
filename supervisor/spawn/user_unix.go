//go:build unix

package spawn

import (
	"fmt"
	"os/user"
	"strconv"
	"strings"
)

// LookupUser resolves "name", "uid", "name:group" or "uid:gid" to whom to run as and that user's home directory. The
// supplementary groups are those initgroups(3) would set. A number without an entry in the user database is taken as it
// is, with the group of the same number and home "/" (containers run so); an unknown name is an error.
func LookupUser(spec string) (User, string, error) {
	name, group, grouped := strings.Cut(spec, ":")
	u, home, err := lookupUser(name)
	if err != nil || !grouped {
		return u, home, err
	}
	gid, err := lookupGroup(group)
	if err != nil {
		return User{}, "", err
	}
	u.GID = gid
	if len(u.Groups) > 0 {
		u.Groups[0] = gid // initgroups(name, gid) puts the given group first
	}
	return u, home, nil
}

func lookupUser(name string) (User, string, error) {
	entry, err := user.Lookup(name)
	uid, numeric := number(name)
	if err != nil && numeric {
		if entry, err = user.LookupId(name); err != nil {
			return User{UID: uid, GID: uid, Groups: []uint32{uid}}, "/", nil
		}
	}
	if err != nil {
		return User{}, "", fmt.Errorf("unknown user %q", name)
	}
	uid, okUID := number(entry.Uid)
	gid, okGID := number(entry.Gid)
	if !okUID || !okGID {
		return User{}, "", fmt.Errorf("user %q: ids %s and %s are not numbers", name, entry.Uid, entry.Gid)
	}
	groups, err := groupsOf(entry, gid)
	if err != nil {
		return User{}, "", err
	}
	return User{UID: uid, GID: gid, Groups: groups}, entry.HomeDir, nil
}

// groupsOf returns the groups of entry, its primary one first.
func groupsOf(entry *user.User, gid uint32) ([]uint32, error) {
	ids, err := entry.GroupIds()
	if err != nil {
		return nil, fmt.Errorf("groups of user %q: %w", entry.Username, err)
	}
	groups := []uint32{gid}
	for _, id := range ids {
		if n, ok := number(id); ok && n != gid {
			groups = append(groups, n)
		}
	}
	return groups, nil
}

func lookupGroup(name string) (uint32, error) {
	entry, err := user.LookupGroup(name)
	if err != nil {
		if gid, ok := number(name); ok {
			return gid, nil
		}
		return 0, fmt.Errorf("unknown group %q", name)
	}
	gid, ok := number(entry.Gid)
	if !ok {
		return 0, fmt.Errorf("group %q: id %s is not a number", name, entry.Gid)
	}
	return gid, nil
}

func number(s string) (uint32, bool) {
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err == nil && n != 1<<32-1 // (uid_t)-1 means "leave as it is" to the kernel
}
