package ledger

// Route is where the output of a pipe goes.
type Route struct {
	Inode uint64 // of the pipe
	Plain bool   // bytes go there as they are; else with dates, or as JSON
	JSON  bool
	Files []string
}

const (
	routePlain = 1 << iota
	routeJSON
)

// Append writes the route down. Of several with the same inode the last one counts.
func (r Route) Append(b []byte) []byte {
	at := len(b)
	b = append(b, 0, 0, 0, 0) // the length of what follows
	b = append(b, make([]byte, 8)...)
	put(b[at+4:], r.Inode, 8)
	var flags byte
	if r.Plain {
		flags |= routePlain
	}
	if r.JSON {
		flags |= routeJSON
	}
	b = append(b, flags)
	for _, f := range r.Files {
		b = append(append(b, f...), 0)
	}
	put(b[at:], uint64(len(b)-at-4), 4)
	return b
}

// ParseRoutes reads routes. What is not whole at the end is left out.
func ParseRoutes(b []byte) map[uint64]Route {
	routes := map[uint64]Route{}
	for len(b) >= 4 {
		n := int(number(b, 4))
		if n < 9 || n > len(b)-4 {
			break
		}
		body := b[4 : 4+n]
		b = b[4+n:]
		r := Route{Inode: number(body, 8), Plain: body[8]&routePlain != 0, JSON: body[8]&routeJSON != 0}
		for body = body[9:]; len(body) > 0; {
			end := 0
			for end < len(body) && body[end] != 0 {
				end++
			}
			if end == len(body) || len(r.Files) == MaxSinks {
				break
			}
			r.Files = append(r.Files, string(body[:end]))
			body = body[end+1:]
		}
		routes[r.Inode] = r
	}
	return routes
}

// put and number write and read a number of so many bytes; encoding/binary would bring reflect.
func put(b []byte, n uint64, size int) {
	for i := range size {
		b[i] = byte(n >> (8 * i))
	}
}

func number(b []byte, size int) (n uint64) {
	for i := range size {
		n |= uint64(b[i]) << (8 * i)
	}
	return n
}
