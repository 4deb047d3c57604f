//go:build !unix

package monit

import "context"

// resized waits: no signal tells of another size here, and the next frame asks for it.
func (r *runner) resized(ctx context.Context) { <-ctx.Done() }
