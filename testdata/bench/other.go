//go:build !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "bench: it measures with Linux's /proc, vfork and FIFOs: run it on Linux")
	os.Exit(1)
}
