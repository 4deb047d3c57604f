package hot

// LockName is the name of an app's lock file in home/locks, without ".lock": every byte outside [A-Za-z0-9._-] and a
// dot at the start is written %XX. A name that would get too long for a file is cut, and told apart by its hash.
func LockName(app string) string {
	const longest = 200
	b := make([]byte, 0, 64)
	if app != "" && app[0] == '.' {
		b = append(b, "%2E"...)
		app = app[1:]
	}
	b = escape(b, app)
	if len(b) <= longest {
		return string(b)
	}
	const hex = "0123456789abcdef"
	b, sum := b[:longest-17], fnv64(b)
	b = append(b, '~') // not among what escape writes
	for shift := 60; shift >= 0; shift -= 4 {
		b = append(b, hex[sum>>shift&15])
	}
	return string(b)
}

// fnv64 is FNV-1a; hash/fnv would bring its relatives along.
func fnv64(b []byte) uint64 {
	sum := uint64(14695981039346656037)
	for _, c := range b {
		sum = (sum ^ uint64(c)) * 1099511628211
	}
	return sum
}
