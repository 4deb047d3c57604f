package config

import (
	"fmt"
	"strings"

	"weaver/config/source"
)

// Problem is one thing that is wrong, or odd, in what was asked for. Messages are PM2's where PM2 has one.
type Problem struct {
	App     string // "" when it is about no particular app
	Key     string
	Message string
	Hint    string // one thing to try, or ""

	PM2 bool // PM2 has this warning, in these words, which do without the app's name
}

func (p Problem) String() string {
	var b strings.Builder
	if p.App != "" && !p.PM2 {
		b.WriteString(p.App + ": ")
	}
	b.WriteString(p.Message)
	if p.Hint != "" {
		b.WriteString(" (" + p.Hint + ")")
	}
	return b.String()
}

// Invalid says everything that is wrong with what was asked for. Nothing of it has been started.
type Invalid struct{ Problems []Problem }

func (e *Invalid) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// AppError is why one app of a file cannot be started here and now, while the others can.
type AppError struct {
	Name string
	Err  error
}

func (e AppError) Error() string { return e.Name + ": " + e.Err.Error() }
func (e AppError) Unwrap() error { return e.Err }

// SyntaxError is a place in a file that cannot be read.
type SyntaxError = source.Error

// said is an error in PM2's words, capitals and all, because scripts look for them.
type said struct {
	message string
	hint    string
	cause   error
}

func (e *said) Error() string {
	if e.cause != nil {
		return e.message + ": " + e.cause.Error()
	}
	return e.message
}

func (e *said) Unwrap() error { return e.cause }

// Hint is one thing to try, or "".
func (e *said) Hint() string { return e.hint }

func saidf(format string, args ...any) *said { return &said{message: fmt.Sprintf(format, args...)} }

func (e *said) try(format string, args ...any) *said {
	e.hint = fmt.Sprintf(format, args...)
	return e
}
