// Package ledger is what must be known of log output when its supervisor dies: a page of memory that outlives it.
//
// Its Pages say what is just on its way from a pipe into files, so that no byte is written twice. Its Gaps say how much a
// disk has refused, until that is told in the file. Its owner is who carries the bytes: the supervisor, or the anchor while
// there is none. Beside it Routes say which files a pipe leads to.
//
// Both a supervisor's log engine and the anchor work with it, which is part of the thin executable: hence only the smallest
// packages are imported. It is of use on Linux only.
package ledger

// Size of the memory, in bytes.
const Size = 4096

// How much there is room for.
const (
	Pages    = 2 // deliveries at a time: one may hang
	MaxSinks = 4 // files that a pipe writes to
)

// The names under which the anchor keeps it.
const (
	MemoryName = "memory/logs"
	SpentName  = "memory/logs-spent/" // and the number of a page
	RoutesName = "memory/log-routes"
)
