// Package monit is the terminal dashboard: what runs, what it uses, what it prints.
//
// A model takes what happens (a key, a list of processes, a line of output) and is drawn as text for a screen of a given
// size. Both are pure; run joins them to a terminal and to the daemon.
package monit
