package supervisor

import (
	"strconv"
	"sync"

	"weaver/app"
)

// pipeName is what the store keeps the read end of a log pipe under.
func pipeName(id app.ID, gen uint64, stream app.Stream) string {
	return "log/" + id.String() + "/" + strconv.FormatUint(gen, 10) + "/" + string(stream)
}

// keepPipes has the store keep the read ends of a kid's log pipes, its channel and what it can say by itself, before it is forked: what it prints is not lost
// whenever we die. That they cannot be kept is no reason not to run it.
func (h *host) keepPipes(k *kid, id app.ID, gen uint64) {
	if h.opts.Store == nil {
		return
	}
	names, fds := make([]string, 0, len(k.pipes)), make([]int, 0, len(k.pipes))
	for i, pipe := range k.pipes {
		if fd := pipe.Source(); fd >= 0 {
			names, fds = append(names, pipeName(id, gen, streams[i])), append(fds, fd)
		}
	}
	if k.line != nil {
		names, fds = append(names, channelName(id, gen)), append(fds, k.line.FD())
	}
	keptSigns(k.signs, id, gen, func(name string, fd int) { names, fds = append(names, name), append(fds, fd) })
	if len(names) > 0 {
		if err := h.opts.Store.PutAll(names, fds); err != nil {
			k.trouble = err
		}
	}
}

// drops takes names out of the store, for those who cannot wait for it.
type drops struct {
	store Store

	mu     sync.Mutex
	names  []string
	at     bool // a goroutine is at it
	closed bool
	done   sync.WaitGroup
}

func (d *drops) add(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.names = append(d.names, name)
	if !d.at && !d.closed {
		d.at = true
		d.done.Go(d.run) // ends when there is nothing to drop
	}
}

func (d *drops) run() {
	for {
		d.mu.Lock()
		names := d.names
		d.names = nil
		if len(names) == 0 {
			d.at = false
			d.mu.Unlock()
			return
		}
		d.mu.Unlock()
		_ = d.store.Remove(names...) // an anchor that does not listen has other worries; the next supervisor drops them
	}
}

func (d *drops) close() {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	d.done.Wait()
}
