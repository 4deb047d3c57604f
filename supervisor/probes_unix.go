//go:build unix

package supervisor

import (
	"syscall"

	"weaver/app"
	"weaver/supervisor/health"
)

// asUser has a command run as the app's user.
func asUser(spec *app.Spec, c *health.Command) error {
	env := spec.Env.Clone()
	user, err := credentials(spec, &env)
	if err != nil || user == nil {
		return err
	}
	c.SysProcAttr.Credential = &syscall.Credential{Uid: user.UID, Gid: user.GID, Groups: user.Groups}
	return nil
}
