//go:build !linux

package logs

func newReader(e *Engine) (reader, error) { return newPortable(e) }
