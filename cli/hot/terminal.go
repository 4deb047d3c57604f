package hot

import "strconv"

// terminal says how wide the terminal on stdout is, 0 if it is none, and whether to send colours there. Both as the full
// front end decides it (no-color.org, bixense.com/clicolors).
func (t *try) terminal(noColor bool) (cols int, colour bool) {
	cols, tty := columns(t.stdout)
	if tty {
		if n, err := strconv.Atoi(t.getenv("COLUMNS")); err == nil && n > 0 {
			cols = n
		}
		if cols <= 0 {
			cols = 80 // one that does not know its own size, such as a serial line
		}
	}
	return cols, t.colour(tty, noColor)
}

func (t *try) colour(tty, noColor bool) bool {
	force := t.getenv("FORCE_COLOR")
	switch {
	case noColor, t.getenv("NO_COLOR") != "", force == "0", force == "false":
		return false
	case force != "":
		return true
	}
	if v := t.getenv("CLICOLOR_FORCE"); v != "" && v != "0" {
		return true
	}
	return tty && t.getenv("TERM") != "dumb" && t.getenv("CLICOLOR") != "0"
}
