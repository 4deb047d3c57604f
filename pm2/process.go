package pm2

import (
	"time"

	"weaver/app"
)

const notAvailable = "N/A"

func specOf(p *app.Process) *app.Spec {
	if p.Spec == nil {
		return &app.Spec{}
	}
	return p.Spec
}

// versionOf is the app's own version.
func versionOf(p *app.Process) string {
	switch {
	case p.Version != "":
		return p.Version
	case p.Spec != nil && p.Spec.Version != "":
		return p.Spec.Version
	}
	return notAvailable
}

func userOf(p *app.Process) string {
	switch {
	case p.User != "":
		return p.User
	case p.Spec != nil && p.Spec.Username != "":
		return p.Spec.Username
	}
	return notAvailable
}

// appendUptimeOf writes how long a process has been online, and 0 for one that is not.
func appendUptimeOf(dst []byte, p *app.Process, now time.Time) []byte {
	if p.Status != app.Online {
		return append(dst, '0')
	}
	return appendUptime(dst, now.Sub(p.Started))
}
