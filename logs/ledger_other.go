//go:build !linux

package logs

import (
	"syscall"
	"time"
)

// Ledger is not to be had: nothing is adopted here.
type Ledger struct{}

type (
	entry struct{}
	page  struct{}
	gapOf []struct{}
)

var noEntry entry

// OpenLedger returns none.
func OpenLedger(func(string) (int, bool), func(string, int) error, string) (*Ledger, error) {
	return nil, nil
}

// RemoveLedger has nothing to remove.
func RemoveLedger(string) {}

// ClearLedgers finds none.
func ClearLedgers(string, func(string) bool) []string { return nil }

func noteWrite(entry, fileKey, int64, int) {}
func (entry) Wrote(int)                    {}

func noteOn(*page, uint64, int, int, time.Time, bool, []*sink) {}

func (l *Ledger) gap(string, bool) gapOf { return nil }

func (gapOf) Lose(int, syscall.Errno, bool)      {}
func (gapOf) Lost() (int64, syscall.Errno, bool) { return 0, 0, false }
func (gapOf) Told()                              {}

func (l *Ledger) settle(func() []*Pipe)      {}
func (l *Ledger) finishFor(*Pipe, int) error { return nil }
func (l *Ledger) route(*Pipe)                {}
func (l *Ledger) lendsFrom(int) bool         { return false }
func lastByte(string) (last byte, ok bool)   { return 0, false }
