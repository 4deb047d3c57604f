// Package cli is the front end: words in, one request to the daemon, words out.
//
// The way of a command line: grammar.go takes it apart with the help of the one table in commands.go, urfave/cli parses
// the flags of the one command that was meant, and that command's file does the rest: resolve names, lock them
// (locks.go), see that a daemon runs (daemonize.go), ask it, and print what it says (output.go).
//
// PM2's words are understood here and nowhere deeper. What PM2 prints goes to the stream on which PM2 prints it; what
// weaver has to say beyond that goes to standard error, so that data stays data.
package cli
