package supervisor

import (
	"iter"
	"strconv"
	"strings"
	"sync"

	"weaver/supervisor/journal"
	"weaver/supervisor/nodeipc"
)

// keepsakes are a store of listening sockets that also notes in the journal which they are. The store is somebody else's memory, and
// dies with it; but what a living service listens on it holds itself, and with the socket's number it is found there again.
type keepsakes struct {
	nodeipc.Store
	book *book

	mu    sync.Mutex
	known map[string]uint64 // numbers of sockets, by name
}

// The keys of the journal: socket/NAME has the number of a socket, cluster what the primary of clusters must know.
const (
	keySocket  = "socket/"
	keyCluster = "cluster"
)

// Put keeps a descriptor.
func (k *keepsakes) Put(name string, fd int) error {
	if err := k.Store.Put(name, fd); err != nil {
		return err
	}
	inode := socketInode(fd)
	k.mu.Lock()
	defer k.mu.Unlock()
	if inode != 0 && k.known[name] != inode {
		k.known[name] = inode
		k.book.keep(journal.Record{Key: keySocket + name, Value: strconv.AppendUint(nil, inode, 10)})
	}
	return nil
}

// Remove keeps them no longer.
func (k *keepsakes) Remove(names ...string) error {
	k.mu.Lock()
	for _, name := range names {
		if _, ok := k.known[name]; ok {
			delete(k.known, name)
			k.book.keep(journal.Record{Key: keySocket + name, Gone: true})
		}
	}
	k.mu.Unlock()
	return k.Store.Remove(names...)
}

// NoteCluster notes what the primary of clusters must know.
func (k *keepsakes) NoteCluster(state []byte) {
	k.book.keep(journal.Record{Key: keyCluster, Value: state})
}

// reclaim completes what a former supervisor left by what living processes, mains, hold of it, and forgets what nobody has any more.
func (k *keepsakes) reclaim(values map[string][]byte, mains iter.Seq[int], left map[string]int) {
	missing := map[uint64][]string{} // names, by the number of the socket
	for key, value := range values {
		name, ok := strings.CutPrefix(key, keySocket)
		if !ok {
			continue
		}
		inode, err := strconv.ParseUint(string(value), 10, 64)
		k.mu.Lock()
		k.known[name] = inode // what is not found is forgotten below
		k.mu.Unlock()
		if _, ok := left[name]; !ok && err == nil {
			missing[inode] = append(missing[inode], name)
		}
	}
	if len(missing) == 0 {
		return
	}
	for pid := range mains {
		k.reclaimFrom(pid, missing, left)
		if len(missing) == 0 {
			break
		}
	}
	for _, names := range missing {
		_ = k.Remove(names...) // a name that is not there does no harm
	}
}

func (k *keepsakes) reclaimFrom(pid int, missing map[uint64][]string, left map[string]int) {
	for inode, number := range socketsOf(pid) {
		for len(missing[inode]) > 0 {
			name := missing[inode][0]
			fd, err := descriptorOf(pid, number)
			if err != nil {
				return // it is not ours to look into
			}
			if k.Put(name, fd) != nil {
				closeFD(fd)
				return
			}
			left[name] = fd
			if missing[inode] = missing[inode][1:]; len(missing[inode]) == 0 {
				delete(missing, inode)
			}
		}
	}
}
