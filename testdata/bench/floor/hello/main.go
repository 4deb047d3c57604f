// Command hello is the floor under every command line in Go: it starts, writes a line and ends.
package main

import "os"

func main() { os.Stdout.WriteString("hello, world\n") }
