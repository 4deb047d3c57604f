package js

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strconv"

	"weaver/config/source"
)

// Name is the program's.
const Name = "weaver-js"

// answer is what the program writes behind the marker.
type answer struct {
	Value json.RawMessage `json:"value,omitempty"`
	Place *source.Error   `json:"place,omitempty"` // where it goes wrong
	Error string          `json:"error,omitempty"` // what is wrong otherwise
}

// Main is the program: PATH MARKER CPUS, in the caller's directory and environment. Stdout gets what the config prints, then the
// marker, then the answer as JSON.
func Main(args []string, stdout, stderr io.Writer) int {
	if len(args) < 3 {
		io.WriteString(stderr, "usage: "+Name+" FILE MARKER CPUS [ARGV…]\nIt reads JavaScript configs for weaver where there is no node.\n") //nolint:errcheck // nobody to tell
		return 2
	}
	cwd, err := os.Getwd()
	if err != nil {
		cwd = os.Getenv("PWD")
	}
	cpus, err := strconv.Atoi(args[2])
	if err != nil {
		cpus = 1
	}
	var a answer
	a.Value, err = Eval(context.Background(), Request{Path: args[0], Cwd: cwd, Environ: os.Environ(), CPUs: max(1, cpus), Argv: args[3:], Talk: stdout})
	if err != nil && !errors.As(err, &a.Place) {
		a.Error = err.Error()
	}
	doc, err := json.Marshal(a)
	if err != nil {
		io.WriteString(stderr, err.Error()+"\n") //nolint:errcheck // nobody to tell
		return 1
	}
	if _, err := stdout.Write(append([]byte(args[1]), doc...)); err != nil {
		return 1
	}
	return 0
}
