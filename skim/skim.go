// Package skim looks into JSON texts without decoding them: what passes through is read where it lies.
package skim

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// Members calls f for each member of a JSON object, in order, and does nothing for any other value, of which it returns false. Keys
// are matched by who needs them, exactly, as JavaScript does. The text must be valid JSON.
func Members(object []byte, f func(key string, value []byte)) bool {
	s := scanner{text: object}
	s.blank()
	if !s.eat('{') {
		return false
	}
	for {
		s.blank()
		if s.end() || s.text[s.at] != '"' {
			return true
		}
		key := s.value()
		s.blank()
		if !s.eat(':') {
			return true
		}
		s.blank()
		value := s.value()
		f(Text(key), value)
		s.blank()
		if !s.eat(',') {
			return true
		}
	}
}

// Elements calls f for each element of a JSON array, in order, and does nothing for any other value. The text must be valid JSON.
func Elements(array []byte, f func(value []byte)) {
	s := scanner{text: array}
	s.blank()
	if !s.eat('[') {
		return
	}
	for {
		s.blank()
		if s.end() || s.text[s.at] == ']' {
			return
		}
		f(s.value())
		s.blank()
		if !s.eat(',') {
			return
		}
	}
}

// Text returns the string that a JSON value is, "" if it is none.
func Text(value []byte) string {
	if len(value) < 2 || value[0] != '"' {
		return ""
	}
	if inner := value[1 : len(value)-1]; bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		return string(inner)
	}
	var s string
	_ = json.Unmarshal(value, &s) // "" if it is not valid; what is no UTF-8 is replaced
	return s
}

// Truthy reports whether JavaScript takes a JSON value for true.
func Truthy(value []byte) bool {
	switch string(value) {
	case "", "null", "false", `""`:
		return false
	}
	if c := value[0]; c == '-' || c >= '0' && c <= '9' {
		var n float64
		return json.Unmarshal(value, &n) != nil || n != 0 // out of range is infinite
	}
	return true
}

// scanner walks over valid JSON.
type scanner struct {
	text []byte
	at   int
}

func (s *scanner) end() bool { return s.at >= len(s.text) }

func (s *scanner) blank() {
	for !s.end() {
		switch s.text[s.at] {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return
		}
	}
}

func (s *scanner) eat(c byte) bool {
	if s.end() || s.text[s.at] != c {
		return false
	}
	s.at++
	return true
}

// value passes over one value and returns it.
func (s *scanner) value() []byte {
	from, depth := s.at, 0
	for !s.end() {
		switch c := s.text[s.at]; c {
		case '"':
			s.quoted()
			if depth == 0 {
				return s.text[from:s.at]
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 { // of what this value is in
				return s.text[from:s.at]
			}
			if depth--; depth == 0 {
				s.at++
				return s.text[from:s.at]
			}
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return s.text[from:s.at]
			}
		}
		s.at++
	}
	return s.text[from:s.at]
}

func (s *scanner) quoted() {
	for s.at++; !s.end(); s.at++ {
		switch s.text[s.at] {
		case '\\':
			s.at++
		case '"':
			s.at++
			return
		}
	}
	s.at = min(s.at, len(s.text))
}
