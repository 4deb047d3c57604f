package supervisor

import (
	osuser "os/user"
	"strconv"

	"weaver/app"
)

// accountOf is the user whom lists name: the one that the app runs as, or who asked for it.
func accountOf(spec *app.Spec) string {
	if spec.User == "" {
		return spec.Username
	}
	if _, err := strconv.Atoi(spec.User); err != nil {
		return spec.User
	}
	if u, err := osuser.LookupId(spec.User); err == nil {
		return u.Username
	}
	return spec.User
}
