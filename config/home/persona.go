package home

import "strings"

// Persona is the name weaver was called by, which decides its home and its wording.
type Persona string

// The personas.
const (
	Weaver Persona = "weaver"
	PM2    Persona = "pm2"
)

// PM2Version is the version of PM2 that weaver stands in for: what `pm2 --version` says, and PM2's own protocol.
const PM2Version = "7.0.4"

// PersonaOf derives the persona from argv[0].
func PersonaOf(argv0 string) Persona {
	base := nameOf(argv0)
	if base == "pm2" || strings.HasPrefix(base, "pm2-") || strings.HasPrefix(base, "pm2.") {
		return PM2
	}
	return Weaver
}

// CommandOf is the command that a name stands for all by itself: pm2-runtime and pm2-docker are `runtime`, pm2-dev is
// `dev`. It is "" for other names.
func CommandOf(argv0 string) string {
	switch nameOf(argv0) {
	case "pm2-runtime", "pm2-docker":
		return "runtime"
	case "pm2-dev":
		return "dev"
	}
	return ""
}

func nameOf(argv0 string) string { return argv0[strings.LastIndexByte(argv0, '/')+1:] }
