// Command hotgen writes the thin front end's table from the one command table: go generate ./cli.
package main

import (
	"fmt"
	"go/format"
	"os"

	"weaver/cli"
)

func main() {
	src, err := format.Source(cli.HotTable())
	if err == nil {
		err = os.WriteFile(os.Args[1], src, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "hotgen:", err)
		os.Exit(1)
	}
}
