//go:build unix

package daemon

import (
	"os/exec"
	"syscall"
)

// become has cmd run as another user.
func become(cmd *exec.Cmd, uid uint32) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
}
