package config

// Nearest returns the word of known that was most probably meant by word, or "" if none is close: at most one slip in
// three characters, and three at most. A slip is a wrong, missing or additional character, or two swapped ones.
func Nearest(word string, known []string) string {
	if word == "" || len(word) > 64 {
		return ""
	}
	best, least := "", min(3, (len(word)+2)/3)+1
	for _, k := range known {
		if d := slips(word, k, least-1); d < least {
			best, least = k, d
		}
	}
	return best
}

// slips is the optimal-string-alignment distance of a and b, or most+1 if it is more than most.
func slips(a, b string, most int) int {
	x, y := []rune(a), []rune(b)
	if len(x)-len(y) > most || len(y)-len(x) > most {
		return most + 1
	}
	before, last, row := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row[0] = i
		least := i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
			least = min(least, row[j])
		}
		if least > most {
			return most + 1
		}
		before, last, row = last, row, before
	}
	return min(last[len(y)], most+1)
}
