package anchor

import (
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"weaver/logs/ledger"
)

// While there is no supervisor the pipes of services fill up, and who prints into a full one stands still. So after a while
// the anchor takes the place of the one who carries: it copies whole lines, as they are, to the files where the last supervisor
// said that pipes lead. There is no rotation meanwhile, and no dates and no JSON are put around lines.
const (
	// pourEvery is how often pipes are looked at while there is little in them; pourSoon is when one was found full.
	pourEvery = 50 * time.Millisecond
	pourSoon  = time.Millisecond
	// pourMost bounds the turns that one pipe gets at a time.
	pourMost = 4
	// pourRetry is how often a file that refuses is tried again.
	pourRetry = 100 * time.Millisecond
	// pourTurn is about how long the pipes are held at a time, for a supervisor that comes waits for them.
	pourTurn = 100 * time.Millisecond
)

// pourer carries output for now. It has a goroutine of its own, for a disk that hangs is not to keep the anchor from starting a
// supervisor, and copies of all descriptors that it uses.
type pourer struct {
	stop chan struct{} // closed to end it
	done chan struct{} // closed when it has

	mu sync.Mutex // held while it is decided who carries
	// living is the supervisor that is starting and may become the owner; 0 if there is none.
	living int
	// barred: nothing is touched while that one lives, since it may not know of owners.
	barred bool

	memory  *ledger.Memory
	pages   []ledger.Page
	sources []source
	files   map[string]*pouredFile
	null    int
	scratch [2]int // a pipe
	buf     []byte
	first   int // whose turn it is first
	write   func(fd int, b []byte) (int, error)
	bytes   atomic.Int64
}

// source is a log pipe of the store.
type source struct {
	at    int // its place among them
	fd    int
	route ledger.Route
	room  int
}

// newPourer gets ready for the log pipes of the store; nil if that cannot be done.
func newPourer(st *store) *pourer {
	memory, had := st.fds[ledger.MemoryName]
	if !had || fileSize(memory) != ledger.Size {
		return nil
	}
	text, err := readStored(st.fds, ledger.RoutesName)
	if err != nil || len(text) == 0 {
		return nil
	}
	routes := ledger.ParseRoutes(text)
	p := &pourer{stop: make(chan struct{}), done: make(chan struct{}), files: map[string]*pouredFile{}, null: -1, scratch: [2]int{-1, -1}, write: syscall.Write}
	if p.memory, err = ledger.Map(memory); err != nil {
		return nil
	}
	for i := range ledger.Pages {
		spent, err := dupStored(st.fds, ledger.SpentName+strconv.Itoa(i))
		if err != nil {
			p.close()
			return nil
		}
		p.pages = append(p.pages, p.memory.Page(i, spent))
	}
	if p.null, err = syscall.Open("/dev/null", syscall.O_WRONLY|syscall.O_CLOEXEC, 0); err != nil {
		p.close()
		return nil
	}
	if err := syscall.Pipe2(p.scratch[:], syscall.O_CLOEXEC|syscall.O_NONBLOCK); err != nil {
		p.close()
		return nil
	}
	p.buf = make([]byte, pipeRoom(p.scratch[0]))
	for _, name := range st.names() {
		if !strings.HasPrefix(name, logPrefix) {
			continue
		}
		route, known := routes[inodeOf(st.fds[name])]
		if !known {
			continue
		}
		if fd, err := dupStored(st.fds, name); err == nil {
			p.sources = append(p.sources, source{len(p.sources), fd, route, pipeRoom(fd)})
		}
	}
	return p
}

// dupStored copies a descriptor of the store, which may be dropped at any time.
func dupStored(fds map[string]int, name string) (int, error) {
	fd, had := fds[name]
	if !had {
		return -1, syscall.ENOENT
	}
	syscall.ForkLock.RLock() // no supervisor is to inherit it
	defer syscall.ForkLock.RUnlock()
	fd, err := syscall.Dup(fd)
	if err == nil {
		syscall.CloseOnExec(fd)
	}
	return fd, err
}

// run carries until it is told to stop.
func (p *pourer) run() {
	defer close(p.done)
	defer p.close()
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-pause.C:
		}
		pause.Reset(p.round(time.Now()))
	}
}

// starts is told that a supervisor is about to be started, and living which one that is. careful: it is known to leave pipes
// alone until it is their owner.
func (p *pourer) starts() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.barred = true
}

func (p *pourer) lives(pid int, careful bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.living, p.barred = pid, !careful
}

// own takes hold of the pipes, unless somebody else has or may have, as an anchor that was killed and hangs in a write.
func (p *pourer) own() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, claimed := p.memory.Claimed(); p.barred || claimed {
		return false
	}
	self := syscall.Getpid()
	if was := p.memory.Owner(); was != p.living && was != self {
		p.memory.Disown(was) // it is dead
	}
	return p.memory.Own(self)
}

// owns says that the pipes are still its: a supervisor that has waited for long takes them, and one is not in its way that may
// not know of owners.
func (p *pourer) owns() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.barred && p.memory.Owner() == syscall.Getpid()
}

// beginPouring has output carried, if pipes are known.
func (a *anchor) beginPouring() {
	if last := a.absent.last; last != nil && !last.ended() { // a disk keeps it from ending
		a.absent.since = time.Now()
		return
	}
	p := newPourer(&a.store)
	if p == nil {
		a.absent.since = time.Now() // a supervisor may tell more
		return
	}
	a.absent.pour, a.absent.last = p, p
	a.started()
	a.log.print("no supervisor for " + pourAfter.String() + ": what services print goes to their logs by the anchor, as it is")
	go p.run() // ends with endPouring, or when a disk lets go of it
}

// endPouring leaves the pipes to the supervisor.
func (a *anchor) endPouring() {
	p := a.absent.pour
	if p == nil {
		return
	}
	a.absent.pour = nil
	close(p.stop)
	a.log.print("the anchor has carried " + strconv.FormatInt(p.bytes.Load(), 10) + " bytes of output")
}

// ended says that it touches nothing any more.
func (p *pourer) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// disown ends that this process, which was a supervisor before, owns the pipes: or the next one would wait.
func (a *anchor) disown() {
	if fd, had := a.store.fds[ledger.MemoryName]; had && fileSize(fd) == ledger.Size {
		if m, err := ledger.Map(fd); err == nil {
			m.Disown(syscall.Getpid())
			m.UnclaimOf(syscall.Getpid())
			m.Close()
		}
	}
}

// noteOwner notes whether the supervisor that is ready says that it owns the pipes.
func (a *anchor) noteOwner() {
	fd, had := a.store.fds[ledger.MemoryName]
	a.absent.careful = had && a.sup != nil && ledger.ReadOwner(fd) == a.sup.pid
}

const logPrefix = "log/"

func (p *pourer) close() {
	for _, f := range p.files {
		f.close()
	}
	for _, fd := range []int{p.null, p.scratch[0], p.scratch[1]} {
		if fd >= 0 {
			syscall.Close(fd)
		}
	}
	for _, s := range p.sources {
		syscall.Close(s.fd)
	}
	for _, page := range p.pages {
		syscall.Close(page.Spent)
	}
	if p.memory != nil {
		p.memory.Close()
	}
}
