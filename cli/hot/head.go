package hot

import (
	"bytes"
	"errors"
)

// head is the first part of an answer, as far as it matters here.
type head struct {
	status int
	exit   int   // Weaver-Exit, -1 without one
	errLen int64 // Weaver-Err
	length int64 // of the body; -1 without Content-Length
	close  bool  // no second request on this connection
	// version is the daemon's, "" if it does not say.
	version string
}

// errOdd says that an answer is none that the hot door gives.
var errOdd = errors.New("odd answer")

// errShort says that there must be more to come.
var errShort = errors.New("incomplete answer")

// maxHead bounds the head of an answer. The daemon's has about 120 bytes.
const maxHead = 8 << 10

// maxBody bounds the body. jlist of 10,000 services with large environments has about 100 MB.
const maxBody = 1 << 30

// parseHead reads the head at the start of b and says how long it is. It is strict: the only server is ours, so whatever
// surprises is better left to someone else.
func parseHead(b []byte) (h head, n int, err error) {
	h = head{exit: -1, length: -1}
	line, rest, err := cutLine(b)
	if err != nil {
		return h, 0, tooLong(b, err)
	}
	if h.status, h.close = statusLine(line); h.status == 0 {
		return h, 0, errOdd
	}
	errLen := int64(-1)
	for {
		if line, rest, err = cutLine(rest); err != nil {
			return h, 0, tooLong(b, err)
		}
		if len(line) == 0 {
			break
		}
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok || len(name) == 0 || bytes.ContainsAny(name, " \t") {
			return h, 0, errOdd
		}
		value = bytes.Trim(value, " \t")
		switch {
		case is(name, "weaver-exit"):
			code := number(value)
			if h.exit != -1 || code < 0 || code > 255 {
				return h, 0, errOdd
			}
			h.exit = int(code)
		case is(name, "weaver-err"):
			if errLen != -1 {
				return h, 0, errOdd
			}
			if errLen = number(value); errLen < 0 {
				return h, 0, errOdd
			}
		case is(name, "weaver-version"):
			h.version = string(value)
		case is(name, "content-length"):
			if h.length != -1 {
				return h, 0, errOdd
			}
			if h.length = number(value); h.length < 0 || h.length > maxBody {
				return h, 0, errOdd
			}
		case is(name, "transfer-encoding"), is(name, "content-encoding"):
			return h, 0, errOdd
		case is(name, "connection"):
			h.close = h.close || !is(value, "keep-alive")
		}
	}
	h.errLen = max(errLen, 0)
	n = len(b) - len(rest)
	// Another status than 200 says only that the form is not hot; its body is of no interest.
	if n > maxHead || h.status == 200 && (h.length < 0 || h.errLen > h.length) {
		return h, 0, errOdd
	}
	return h, n, nil
}

// is compares as HTTP does. bytes.EqualFold would bring the tables of unicode along.
func is(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

func tooLong(b []byte, err error) error {
	if len(b) > maxHead {
		return errOdd
	}
	return err
}

// cutLine takes a line that ends in CR LF off the front of b.
func cutLine(b []byte) (line, rest []byte, err error) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return nil, b, errShort
	}
	if i == 0 || b[i-1] != '\r' {
		return nil, b, errOdd
	}
	line = b[:i-1]
	for _, c := range line {
		if c < ' ' && c != '\t' || c == 0x7f {
			return nil, b, errOdd
		}
	}
	return line, b[i+1:], nil
}

// statusLine reads "HTTP/1.1 200 OK"; status 0 is an odd one. A server of HTTP/1.0 closes.
func statusLine(line []byte) (status int, closes bool) {
	const prefix = len("HTTP/1.1 ")
	if len(line) < prefix+3 || len(line) > prefix+3 && line[prefix+3] != ' ' {
		return 0, false
	}
	switch string(line[:prefix]) {
	case "HTTP/1.1 ":
	case "HTTP/1.0 ":
		closes = true
	default:
		return 0, false
	}
	code := number(line[prefix : prefix+3])
	if code < 200 && code != 101 || code > 599 {
		return 0, false
	}
	return int(code), closes
}

// number reads decimal digits and nothing else; -1 is an error.
func number(b []byte) int64 {
	if len(b) == 0 || len(b) > 18 {
		return -1
	}
	var n int64
	for _, c := range b {
		if c < '0' || c > '9' {
			return -1
		}
		n = n*10 + int64(c-'0')
	}
	return n
}
