// Command portable type-checks the module, its tests included, for the systems that are its arguments. It reads everything from
// source: go vet would compile the standard library and all dependencies first, for each system.
package main

import (
	"fmt"
	"os"

	"golang.org/x/tools/go/packages"
)

func main() {
	failed := false
	for _, system := range os.Args[1:] {
		list, err := packages.Load(&packages.Config{
			Mode: packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedImports | packages.NeedDeps |
				packages.NeedTypes | packages.NeedSyntax | packages.NeedTypesInfo | packages.NeedTypesSizes,
			Env:   append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0"),
			Tests: true,
		}, "./...")
		if err != nil {
			fmt.Fprintf(os.Stderr, "load packages for %s: %v\n", system, err)
			os.Exit(1)
		}
		n := packages.PrintErrors(list)
		if n > 0 || len(list) == 0 {
			fmt.Fprintf(os.Stderr, "%s: %d errors in %d packages\n", system, n, len(list))
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}
