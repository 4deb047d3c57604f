package pm2

import (
	"sort"
	"unicode"
	"unicode/utf8"
)

// wide lists the characters that fill two columns of a terminal, by Unicode's East Asian Width and emoji presentation.
var wide = [...][2]rune{
	{0x1100, 0x115f},
	{0x231a, 0x231b},
	{0x2329, 0x232a},
	{0x23e9, 0x23ec},
	{0x23f0, 0x23f0},
	{0x23f3, 0x23f3},
	{0x25fd, 0x25fe},
	{0x2614, 0x2615},
	{0x2630, 0x2637},
	{0x2648, 0x2653},
	{0x267f, 0x267f},
	{0x268a, 0x268f},
	{0x2693, 0x2693},
	{0x26a1, 0x26a1},
	{0x26aa, 0x26ab},
	{0x26bd, 0x26be},
	{0x26c4, 0x26c5},
	{0x26ce, 0x26ce},
	{0x26d4, 0x26d4},
	{0x26ea, 0x26ea},
	{0x26f2, 0x26f3},
	{0x26f5, 0x26f5},
	{0x26fa, 0x26fa},
	{0x26fd, 0x26fd},
	{0x2705, 0x2705},
	{0x270a, 0x270b},
	{0x2728, 0x2728},
	{0x274c, 0x274c},
	{0x274e, 0x274e},
	{0x2753, 0x2755},
	{0x2757, 0x2757},
	{0x2795, 0x2797},
	{0x27b0, 0x27b0},
	{0x27bf, 0x27bf},
	{0x2b1b, 0x2b1c},
	{0x2b50, 0x2b50},
	{0x2b55, 0x2b55},
	{0x2e80, 0x303e},
	{0x3041, 0x3247},
	{0x3250, 0xa4c6},
	{0xa960, 0xa97c},
	{0xac00, 0xd7a3},
	{0xf900, 0xfaff},
	{0xfe10, 0xfe19},
	{0xfe30, 0xfe6b},
	{0xff01, 0xff60},
	{0xffe0, 0xffe6},
	{0x16fe0, 0x18df2},
	{0x1aff0, 0x1b2fb},
	{0x1d300, 0x1d376},
	{0x1f004, 0x1f004},
	{0x1f0cf, 0x1f0cf},
	{0x1f18e, 0x1f18e},
	{0x1f191, 0x1f19a},
	{0x1f1e6, 0x1f320},
	{0x1f32d, 0x1f335},
	{0x1f337, 0x1f37c},
	{0x1f37e, 0x1f393},
	{0x1f3a0, 0x1f3ca},
	{0x1f3cf, 0x1f3d3},
	{0x1f3e0, 0x1f3f0},
	{0x1f3f4, 0x1f3f4},
	{0x1f3f8, 0x1f43e},
	{0x1f440, 0x1f440},
	{0x1f442, 0x1f4fc},
	{0x1f4ff, 0x1f53d},
	{0x1f54b, 0x1f54e},
	{0x1f550, 0x1f567},
	{0x1f57a, 0x1f57a},
	{0x1f595, 0x1f596},
	{0x1f5a4, 0x1f5a4},
	{0x1f5fb, 0x1f64f},
	{0x1f680, 0x1f6c5},
	{0x1f6cc, 0x1f6cc},
	{0x1f6d0, 0x1f6d2},
	{0x1f6d5, 0x1f6df},
	{0x1f6eb, 0x1f6ef},
	{0x1f6f4, 0x1f6ff},
	{0x1f7e0, 0x1f7f0},
	{0x1f90c, 0x1f93a},
	{0x1f93c, 0x1f945},
	{0x1f947, 0x1f9ff},
	{0x1fa70, 0x1faff},
	{0x20000, 0x3fffd},
}

// runeWidth returns how many columns r fills: 0 for what combines with the character before it.
func runeWidth(r rune) int {
	if r < 0x300 {
		return 1
	}
	i := sort.Search(len(wide), func(i int) bool { return wide[i][1] >= r })
	if i < len(wide) && wide[i][0] <= r {
		return 2
	}
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
		return 0
	}
	return 1
}

// shown returns what a table shows for r: itself, a question mark for what would steer the terminal, and nothing for
// what terminals disagree about (joiners, variation selectors, other invisible characters).
func shown(r rune) (rune, int) {
	switch {
	case r >= 0x20 && r < 0x7f:
		return r, 1
	case r < 0xa0 || r == 0x2028 || r == 0x2029:
		return '?', 1
	case r >= 0xfe00 && r <= 0xfe0f || r >= 0xe0000 && r <= 0xe0fff:
		return 0, 0
	case r < 0x300 && r != 0xad:
		return r, 1
	}
	w := runeWidth(r)
	if w == 0 && unicode.Is(unicode.Cf, r) || r == 0xad {
		return 0, 0
	}
	return r, w
}

// plain reports that s is printable ASCII, for which a byte is a column.
func plain(s string) bool {
	for i := range len(s) {
		if s[i]-0x20 >= 0x5f {
			return false
		}
	}
	return true
}

// textWidth returns how many columns s fills in a table.
func textWidth(s string) int {
	if plain(s) {
		return len(s)
	}
	w := 0
	for _, r := range s {
		_, n := shown(r)
		w += n
	}
	return w
}

// appendText appends s as a table shows it and returns the columns it fills, at most room. What is longer ends in an
// ellipsis.
func appendText(dst []byte, s string, room int, unicode bool) ([]byte, int) {
	if plain(s) && len(s) <= room {
		return append(dst, s...), len(s)
	}
	cut := textWidth(s) > room
	if cut {
		room--
	}
	if room < 0 {
		return dst, 0
	}
	used := 0
	for _, r := range s {
		c, w := shown(r)
		if used+w > room {
			break
		}
		used += w
		if c != 0 {
			dst = utf8.AppendRune(dst, c)
		}
	}
	if cut {
		used++
		if unicode {
			dst = append(dst, "…"...)
		} else {
			dst = append(dst, '~')
		}
	}
	return dst, used
}

// TextWidth is how many columns a terminal shows s in.
func TextWidth(s string) int { return textWidth(s) }

// FitText makes s exactly room columns wide: cut with an ellipsis, or padded with blanks.
func FitText(s string, room int) string {
	if room <= 0 {
		return ""
	}
	out, width := appendText(nil, s, room, true)
	for ; width < room; width++ {
		out = append(out, ' ')
	}
	return string(out)
}
