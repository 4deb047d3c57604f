package anchor

import (
	"syscall"
	"time"
	"unsafe"

	"weaver/logs/ledger"
)

// round empties the pipes as far as whole lines are in them, and tells how long to wait for the next. It does nothing while
// somebody else owns them.
func (p *pourer) round(now time.Time) (pause time.Duration) {
	pause = pourEvery
	if !p.own() {
		return pause
	}
	defer p.memory.Disown(syscall.Getpid())
	defer p.letGo()
	for _, s := range p.filled() {
		if time.Since(now) > pourTurn {
			pause = 2 * pourSoon
			break
		}
		p.first = s.at + 1
		if !p.carries(s) {
			continue
		}
		full, ours := p.turn(s, now)
		if !ours {
			return pause
		}
		if full {
			pause = pourSoon
		}
	}
	return pause
}

// turn carries what is in a pipe, about so much as it holds, and reports whether it was full and whether it still is ours to carry. It has a
// claim meanwhile: who becomes the owner because a disk hangs waits with this pipe until it is known what was written.
func (p *pourer) turn(s *source, now time.Time) (full, ours bool) {
	free := p.free()
	p.memory.Claim(s.route.Inode, free)
	defer p.memory.Unclaim()
	for range pourMost {
		if !p.owns() {
			return full, false
		}
		n := p.pour(s, free, now)
		p.bytes.Add(int64(n))
		if n < p.much(s) {
			break
		}
		full = true
	}
	return full, true
}

// letGo closes files: who rotates or removes them is not kept from it.
func (p *pourer) letGo() {
	for path, f := range p.files {
		if !f.refuses() {
			f.close()
			delete(p.files, path)
		}
	}
}

// much is how many bytes of a pipe say that it is about full: as many as a look at it shows at most, or nearly.
func (p *pourer) much(s *source) int { return min(s.room, len(p.buf)) / 2 }

// carries says that the anchor can do with the files of a pipe what a supervisor would. A terminal, a FIFO or a link to one of
// its descriptors only a supervisor can write to, and one that lacks descriptors is no disk that refuses: output waits in the pipe.
func (p *pourer) carries(s *source) bool {
	for _, path := range s.route.Files {
		switch p.file(path).open() {
		case errOther, syscall.ELOOP, syscall.ENXIO, syscall.EMFILE, syscall.ENFILE:
			return false
		}
	}
	return true
}

// filled are the pipes with something in them, from whose turn it is on.
func (p *pourer) filled() []*source {
	type pollFd struct {
		fd             int32
		events, occurs int16
	}
	const pollIn = 1
	var full []*source
	for at := 0; at < len(p.sources); {
		var list [256]pollFd
		n := min(len(list), len(p.sources)-at)
		for i := range n {
			list[i] = pollFd{fd: int32(p.sources[at+i].fd), events: pollIn}
		}
		var none syscall.Timespec
		_, _, e := syscall.Syscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&list[0])), uintptr(n), uintptr(unsafe.Pointer(&none)), 0, 0, 0)
		if e == syscall.EINTR {
			continue
		}
		for i := range n {
			if e == 0 && list[i].occurs&pollIn != 0 {
				full = append(full, &p.sources[at+i])
			}
		}
		at += n
	}
	for i, s := range full {
		if s.at >= p.first {
			return append(full[i:len(full):len(full)], full[:i]...)
		}
	}
	return full
}

// pour carries once what is in a pipe, by way of a page that is free, and returns how much that was.
func (p *pourer) pour(s *source, free int, now time.Time) int {
	if !p.resume(s, now) {
		return 0
	}
	n := p.peek(s.fd)
	if n <= 0 {
		return 0
	}
	take := n
	for take > 0 && p.buf[take-1] != '\n' {
		take--
	}
	if take == 0 {
		if n < p.much(s) { // pages are seldom quite full
			return 0
		}
		take = n
	}
	if free < 0 {
		return 0
	}
	page := &p.pages[free]
	page.Begin(s.route.Inode, take, take, now, false, func(enter func(int) ledger.Entry) {
		for i := range s.route.Files {
			enter(i)
		}
	})
	p.finish(page, s, p.buf[:take], now)
	return take
}

// finish writes what of out is not in the files yet, and takes it out of the pipe.
func (p *pourer) finish(page *ledger.Page, s *source, out []byte, now time.Time) {
	for i, path := range s.route.Files {
		p.file(path).append(p, page.Entry(i), out, s.route.JSON, now)
		if !p.owns() { // the supervisor, for which a disk took too long, finishes it
			return
		}
	}
	page.Consume(s.fd, p.null, len(out))
}

// resume finishes what the supervisor had begun with a pipe. False: nobody but a supervisor can, for lines are being changed on
// their way.
func (p *pourer) resume(s *source, now time.Time) bool {
	for i := range p.pages {
		page := &p.pages[i]
		if page.State() == ledger.Idle || page.Inode() != s.route.Inode || page.Resume(s.fd, p.null) {
			continue
		}
		used := page.Used()
		if s.route.Plain && used == page.Length() {
			if p.peek(s.fd) < used {
				page.SetState(ledger.Idle)
				continue
			}
			p.finish(page, s, p.buf[:used], now)
			continue
		}
		begun, complete := false, true
		for i := range s.route.Files {
			e := page.Entry(i)
			begun = begun || e.Begun()
			complete = complete && e.Complete(page.Length())
		}
		switch {
		case complete:
			page.Consume(s.fd, p.null, used)
		case !begun:
			page.SetState(ledger.Idle)
		default:
			return false
		}
	}
	return true
}

// free is a page that nobody uses, negative if there is none.
func (p *pourer) free() int {
	for i := range p.pages {
		if p.pages[i].State() == ledger.Idle {
			return i
		}
	}
	return -1
}

// peek copies to buf what is in a pipe, without taking it out.
func (p *pourer) peek(fd int) int {
	const nonblock = 2 // SPLICE_F_NONBLOCK
	n, err := syscall.Tee(fd, p.scratch[1], len(p.buf), nonblock)
	for err == syscall.EINTR {
		n, err = syscall.Tee(fd, p.scratch[1], len(p.buf), nonblock)
	}
	if err != nil {
		return 0
	}
	got := 0
	for got < int(n) {
		m, err := syscall.Read(p.scratch[0], p.buf[got:n])
		if err == syscall.EINTR {
			continue
		}
		if err != nil || m <= 0 {
			return 0
		}
		got += m
	}
	return got
}

func (p *pourer) file(path string) *pouredFile {
	f := p.files[path]
	if f == nil {
		f = &pouredFile{path: path, fd: -1}
		p.files[path] = f
	}
	return f
}

func pipeRoom(fd int) int {
	const getPipeSize, usual = 1032, 64 << 10 // F_GETPIPE_SZ
	if n, err := fcntl(fd, getPipeSize); err == nil && n > 0 {
		return n
	}
	return usual
}

func inodeOf(fd int) uint64 {
	var st syscall.Stat_t
	if syscall.Fstat(fd, &st) != nil {
		return 0
	}
	return st.Ino
}

func fileSize(fd int) int64 {
	var st syscall.Stat_t
	if syscall.Fstat(fd, &st) != nil {
		return -1
	}
	return st.Size
}

// readStored reads a file of the store from its beginning.
func readStored(fds map[string]int, name string) ([]byte, error) {
	fd, had := fds[name]
	if !had {
		return nil, syscall.ENOENT
	}
	b := make([]byte, max(fileSize(fd), 0))
	for got := 0; got < len(b); {
		n, err := syscall.Pread(fd, b[got:], int64(got))
		if err == syscall.EINTR {
			continue
		}
		if err != nil || n == 0 {
			return b[:got], err
		}
		got += n
	}
	return b, nil
}
