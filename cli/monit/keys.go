package monit

import "unicode/utf8"

// key is a character, or one of those below.
type key rune

const (
	keyInterrupt key = 3
	keyTab       key = 9
	keyEnter     key = 13
	keyEscape    key = 27
)

const (
	keyUp key = -(iota + 1)
	keyDown
	keyLeft
	keyRight
	keyPageUp
	keyPageDown
	keyHome
	keyEnd
	keyOther
)

// sequences are what terminals send for keys that are no characters.
var sequences = map[string]key{
	"[A": keyUp, "[B": keyDown, "[C": keyRight, "[D": keyLeft,
	"OA": keyUp, "OB": keyDown, "OC": keyRight, "OD": keyLeft,
	"[5~": keyPageUp, "[6~": keyPageDown,
	"[H": keyHome, "[F": keyEnd, "OH": keyHome, "OF": keyEnd, "[1~": keyHome, "[4~": keyEnd, "[7~": keyHome, "[8~": keyEnd,
}

// readKeys takes apart what a terminal sent in one go. An escape that nothing follows is the Escape key.
func readKeys(b []byte) []key {
	var keys []key
	for len(b) > 0 {
		if b[0] == 27 && len(b) > 1 && (b[1] == '[' || b[1] == 'O') {
			n := sequenceLength(b)
			k, ok := sequences[string(b[1:n])]
			if !ok {
				k = keyOther
			}
			keys, b = append(keys, k), b[n:]
			continue
		}
		r, n := utf8.DecodeRune(b)
		if r == '\n' {
			r = '\r'
		}
		keys, b = append(keys, key(r)), b[n:]
	}
	return keys
}

// sequenceLength is how long the escape sequence is that b begins with.
func sequenceLength(b []byte) int {
	if b[1] == 'O' {
		return min(3, len(b))
	}
	for i := 2; i < len(b); i++ {
		if b[i] >= 0x40 && b[i] <= 0x7e {
			return i + 1
		}
	}
	return len(b)
}
