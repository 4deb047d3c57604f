// Command weaver-js reads JavaScript configs where there is no node. weaverd runs it; see package js.
package main

import (
	"os"

	"weaver/config/js"
)

func main() { os.Exit(js.Main(os.Args[1:], os.Stdout, os.Stderr)) }
