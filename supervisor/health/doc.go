// Package health looks at running programs: whether they have started, are ready, and are well.
//
// Check looks once. Run looks until it is told to stop, and reports changes: a program is well after as many good looks in
// a row as the probe wants, and not after as many bad ones. It decides nothing: what a change means is for who asked.
package health
