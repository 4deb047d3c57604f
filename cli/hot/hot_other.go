//go:build !unix

package hot

// Without Unix sockets that pass descriptors nothing is hot.
func (t *try) read(request) (code int, handled bool) { return 0, false }
func (t *try) act(request) (code int, handled bool)  { return 0, false }
func (t *try) borrow() (code int, handled bool)      { return 0, false }
