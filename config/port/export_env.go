package port

import (
	"slices"
	"strings"

	"weaver/app"
)

// session are variables that say where somebody sits, and nothing about an app.
func session(name string) bool {
	switch name {
	case "PWD", "OLDPWD", "SHLVL", "_", "TERM", "COLORTERM", "SHELL", "USER", "LOGNAME", "USERNAME", "MAIL", "HOSTNAME", "DISPLAY", "EDITOR",
		"VISUAL", "PAGER", "LS_COLORS", "LESSOPEN", "LESSCLOSE", "TMUX", "TMUX_PANE", "STY", "WINDOW", "HISTFILE", "PS1", "COLUMNS", "LINES",
		"DEBIAN_FRONTEND", "WINDOWID", "SESSION_MANAGER", "GPG_TTY", "MOTD_SHOWN", "INVOCATION_ID", "JOURNAL_STREAM",
		"HOME":
		return true
	}
	for _, prefix := range []string{"SSH_", "XDG_", "DBUS_", "GNOME_", "KDE_", "SUDO_", "npm_", "LC_", "WEAVER_", "PM2_", "VSCODE_"} {
		if strings.HasPrefix(name, prefix) && !strings.HasPrefix(name, "PM2_SERVE_") {
			return true
		}
	}
	return false
}

// OwnEnv is what of a running app's environment is about the app. left are the names of those that are left out because
// whoever asks has them, with the same values.
func OwnEnv(env, caller app.Env) (own app.Env, left []string) {
	for _, v := range env {
		if session(v.Name) {
			continue
		}
		if same, ok := caller.Get(v.Name); ok && same == v.Value && v.Name != "PATH" {
			left = append(left, v.Name)
			continue
		}
		own = append(own, v)
	}
	slices.Sort(left)
	return own, left
}
