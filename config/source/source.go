// Package source reads the files that configs are made of, within bounds far above what people write and far below what hurts,
// and names places in them.
package source

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// The bounds.
const (
	MaxFile   = 8 << 20 // bytes
	MaxDepth  = 256     // nested arrays and objects
	MaxValues = 500_000 // values after aliases are expanded
)

// Error is a place in a file that cannot be read. Line and Col count from 1; 0 is unknown.
type Error struct {
	File      string
	Line, Col int
	Message   string
}

func (e *Error) Error() string {
	at := e.File
	if e.Line > 0 {
		at += fmt.Sprintf(":%d", e.Line)
		if e.Col > 0 {
			at += fmt.Sprintf(":%d", e.Col)
		}
	}
	return at + ": " + e.Message
}

// Read reads a regular file that may be a config.
func Read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, fmt.Errorf("read %s: it is a directory", path)
	}
	if info.Size() > MaxFile {
		return nil, tooLarge(path, info.Size())
	}
	return ReadAll(f, path)
}

// ReadAll reads what may have no size that one could ask for: a pipe.
func ReadAll(r io.Reader, path string) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if len(data) > MaxFile {
		return nil, tooLarge(path, int64(len(data)))
	}
	return data, nil
}

func tooLarge(path string, size int64) error {
	return fmt.Errorf("read %s: %d MB is too large for a config (%d MB)", path, size>>20, MaxFile>>20)
}

// Nested refuses, with an *Error, data that is nested too deep for a parser which recurses: a goroutine's stack ends in a crash
// that nobody can catch. It counts brackets wherever they stand.
func Nested(file string, data []byte) error {
	depth, line, col, dashes := 0, 1, 0, 0
	for _, c := range data {
		col++
		switch c {
		case '\n':
			line, col, dashes = line+1, 0, 0
		case '[', '{':
			depth++
		case ']', '}':
			depth = max(0, depth-1)
		case '-', '?', ':':
			dashes++
		case ' ', '\t':
		default:
			dashes = 0
		}
		// A long rule of dashes is common in comments; its width is not.
		if depth > MaxDepth || dashes > 4*MaxDepth {
			return &Error{File: file, Line: line, Col: col, Message: fmt.Sprintf("nested more than %d deep", MaxDepth)}
		}
	}
	return nil
}

// AppendText appends s as JSON without the escapes that encoding/json makes for HTML's sake.
func AppendText(b []byte, s string) []byte {
	var text strings.Builder
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return strconv.AppendQuote(b, s) // not reached: a string always encodes
	}
	return append(b, strings.TrimSuffix(text.String(), "\n")...)
}
