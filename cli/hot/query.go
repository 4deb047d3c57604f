package hot

import (
	"strconv"

	"weaver/config/home"
)

// query is a request without a body. The words are those of api/hot.go; importing it would bring JSON along.
func query(method, verb string, args []string, tail string) []byte {
	b := make([]byte, 0, 512)
	b = append(b, method...)
	b = append(b, " /v1/hot/"...)
	b = append(b, verb...)
	sep := byte('?')
	for _, a := range args {
		b = append(b, sep, 'a', '=')
		b = escape(b, a)
		sep = '&'
	}
	if tail != "" {
		b = append(b, sep)
		b = append(b, tail...)
	}
	b = append(b, " HTTP/1.1\r\nHost: weaver\r\n"...)
	if method == "POST" {
		b = append(b, "Content-Length: 0\r\n"...)
	}
	return append(b, "\r\n"...)
}

// tail is the end of the query: how the answer should look.
func tail(r request, p home.Persona, cols int, colour bool) string {
	b := make([]byte, 0, 64)
	b = append(b, "w="...)
	b = strconv.AppendInt(b, int64(cols), 10)
	b = append(b, "&c="...)
	if colour {
		b = append(b, '1')
	} else {
		b = append(b, '0')
	}
	b = append(b, "&p="...)
	b = append(b, p...)
	for _, f := range r.flags {
		b = append(b, "&f="...)
		b = escape(b, f)
	}
	return string(b)
}

// escape writes s as it may stand in a query, or in the name of a file.
func escape(b []byte, s string) []byte {
	const hex = "0123456789ABCDEF"
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
			b = append(b, c)
		default:
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return b
}
