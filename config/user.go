package config

import (
	"os"
	"os/user"
	"strconv"

	"weaver/app"
)

// account checks that uid and gid exist here and may be used, and gives the app the home of its user.
func (c Context) account(s *app.Spec, v values) error {
	uid, gid := word(v["uid"]), word(v["gid"])
	if uid == "" && gid == "" {
		return nil
	}
	if os.Geteuid() > 0 && (uid != "" && !own(uid) || gid != "") {
		return saidf("To use --uid and --gid you need to run as root")
	}
	if uid != "" {
		u, err := findUser(uid)
		switch {
		case err == nil:
			if _, set := envOf(v["env"]).Get("HOME"); !set && u.HomeDir != "" {
				s.Env.Set("HOME", u.HomeDir)
			}
		case !isNumber(uid): // a number needs no name, in containers it often has none
			return saidf("User %s cannot be found", clip(uid))
		}
		s.User = uid
	}
	if gid != "" {
		if _, err := user.LookupGroup(gid); err != nil && !isNumber(gid) {
			return saidf("Group %s cannot be found", clip(gid))
		}
		s.Group = gid
	}
	return nil
}

func findUser(name string) (*user.User, error) {
	if isNumber(name) {
		return user.LookupId(name)
	}
	return user.Lookup(name)
}

// own reports that name is who we are.
func own(name string) bool {
	me, err := user.Current()
	return err == nil && (me.Username == name || me.Uid == name)
}

// caller is who asked, for lists.
func (c Context) caller() string {
	if me, err := user.Current(); err == nil && me.Username != "" {
		return me.Username
	}
	for _, name := range []string{"USER", "LOGNAME"} {
		if v, _ := c.Env.Get(name); v != "" {
			return v
		}
	}
	return ""
}

func isNumber(s string) bool {
	_, err := strconv.ParseUint(s, 10, 32)
	return err == nil
}

// word is an optional text or number as text.
func word(v any) string {
	if v == nil {
		return ""
	}
	return text(v)
}
