package pm2

import "weaver/app"

// color is a pair of escape sequences. They are PM2's, so that a screenshot does not tell the two apart.
type color struct{ on, off string }

var (
	none    = color{}
	gray    = color{"\x1b[90m", "\x1b[39m"}
	heading = color{"\x1b[1m\x1b[36m", "\x1b[39m\x1b[22m"}
	bold    = color{"\x1b[1m", "\x1b[22m"}
	inverse = color{"\x1b[7m\x1b[1m", "\x1b[22m\x1b[27m"}
	green   = color{"\x1b[32m\x1b[1m", "\x1b[22m\x1b[39m"}
	red     = color{"\x1b[31m\x1b[1m", "\x1b[22m\x1b[39m"}
	blue    = color{"\x1b[34m\x1b[1m", "\x1b[22m\x1b[39m"}
	yellow  = color{"\x1b[33m\x1b[1m", "\x1b[22m\x1b[39m"}
	dim     = color{"\x1b[37m\x1b[3m", "\x1b[23m\x1b[39m"}
)

// statusColor is PM2's, but for "waiting restart", which is not red: nothing is wrong yet.
func statusColor(s app.Status) color {
	switch s {
	case app.Online:
		return green
	case app.Launching:
		return blue
	case app.WaitingRestart:
		return yellow
	}
	return red
}
