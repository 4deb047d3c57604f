package nodeipc

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"

	"golang.org/x/sys/unix"
)

// stateName is what the store keeps the primary's state under: a memfd, which is written at each change and read by the
// next primary. There are two places in it, used in turn, so that one that was cut short does not matter.
const stateName = "memory/cluster"

const placeSize = 4 << 20

// keptState is what the next primary must know.
type keptState struct {
	LastID     uint64       `json:"last_id"` // of workers
	LastSocket uint64       `json:"last_socket"`
	Servers    []keptServer `json:"servers"`
}

type keptServer struct {
	Group   string          `json:"group"`
	Key     string          `json:"key"`
	Policy  Policy          `json:"policy"`
	At      Endpoint        `json:"at"`
	Held    bool            `json:"held,omitempty"`
	Data    json.RawMessage `json:"data,omitempty"`
	Sockets []keptSocket    `json:"sockets"`
}

type keptSocket struct {
	Name   string `json:"name"`
	Slot   int    `json:"slot"`
	Index  int    `json:"index"` // among those on its port
	GaveUp bool   `json:"gave_up,omitempty"`
}

// save writes the state down, if it has changed. Call it with the primary locked, after every change.
func (p *Primary) save() {
	if _, none := p.store.(noStore); none || !p.changed || p.closed {
		return
	}
	p.changed = false
	s := keptState{LastID: p.lastID, LastSocket: p.lastSocket}
	for _, g := range p.groups {
		for _, v := range g.servers {
			k := keptServer{Group: g.name, Key: v.key, Policy: v.policy, At: v.at, Held: v.held, Data: v.data}
			for _, c := range v.sockets {
				k.Sockets = append(k.Sockets, keptSocket{Name: c.name, Slot: c.slot, Index: c.index(), GaveUp: c.gaveUp})
			}
			s.Servers = append(s.Servers, k)
		}
	}
	text, err := json.Marshal(s)
	if err == nil {
		if n, ok := p.store.(Notes); ok {
			n.NoteCluster(text)
		}
		err = p.write(text)
	}
	if err != nil && p.trouble != nil {
		p.trouble("", "keep what workers listen on: "+err.Error())
	}
}

// index is the socket's number among those on its port.
func (k *socket) index() int {
	if k.port != nil {
		for i, o := range k.port.members {
			if o == k {
				return i
			}
		}
	}
	return 0
}

// write puts a version of the state after the one before it.
func (p *Primary) write(text []byte) error {
	if len(text) > placeSize-headerSize {
		return fmt.Errorf("%d bytes are too many", len(text))
	}
	if p.memory < 0 {
		fd, err := unix.MemfdCreate("weaver-cluster", unix.MFD_CLOEXEC)
		if err != nil {
			return fmt.Errorf("memfd: %w", err)
		}
		if err := p.store.Put(stateName, fd); err != nil {
			unix.Close(fd)
			return err
		}
		p.memory = fd
	}
	p.version++
	record := binary.LittleEndian.AppendUint64(make([]byte, 0, headerSize+len(text)), p.version)
	record = binary.LittleEndian.AppendUint32(record, uint32(len(text)))
	record = binary.LittleEndian.AppendUint32(record, crc32.ChecksumIEEE(text))
	_, err := unix.Pwrite(p.memory, append(record, text...), int64(p.version%2)*placeSize)
	return err
}

// headerSize is that of a version number, a length and a checksum.
const headerSize = 16

// read returns the newest whole version of the state.
func read(fd int) (version uint64, text []byte) {
	for place := range int64(2) {
		var head [headerSize]byte
		if n, err := unix.Pread(fd, head[:], place*placeSize); err != nil || n < headerSize {
			continue
		}
		v, size := binary.LittleEndian.Uint64(head[:]), binary.LittleEndian.Uint32(head[8:])
		if size > placeSize || v <= version {
			continue
		}
		b := make([]byte, size)
		n, err := unix.Pread(fd, b, place*placeSize+headerSize)
		if err == nil && n == len(b) && crc32.ChecksumIEEE(b) == binary.LittleEndian.Uint32(head[12:]) {
			version, text = v, b
		}
	}
	return version, text
}

// Inherit takes over what a former primary kept. claim returns a descriptor by its name in the store, whose owner the
// primary is then. Workers follow by Adopt, and Settle when all are there. noted is what was last noted of it, for when it was in
// nobody's store any more.
func (p *Primary) Inherit(claim func(name string) (fd int, ok bool), noted []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	text, lost := noted, true
	if fd, ok := claim(stateName); ok {
		p.memory, lost = fd, false
		p.version, text = read(fd)
	}
	if text == nil {
		return nil
	}
	var s keptState
	if err := json.Unmarshal(text, &s); err != nil {
		return fmt.Errorf("what workers listen on: %w", err)
	}
	p.lastID, p.lastSocket = s.LastID, s.LastSocket
	for _, v := range s.Servers {
		p.inherit(v, claim, lost)
	}
	for at, g := range p.ports {
		if g.closeGaps(); len(g.members) == 0 {
			delete(p.ports, at)
		}
	}
	return nil
}

// closeGaps closes the gaps of those that nobody kept, as the kernel did: the last is in the place of one that left.
func (g *port) closeGaps() {
	for i := 0; i < len(g.members); {
		if g.members[i] != nil {
			i++
			continue
		}
		last := len(g.members) - 1
		g.members[i] = g.members[last]
		g.members = g.members[:last]
	}
}

// inherit goes on with a server. If what was kept is lost, a socket that only we had is opened again.
func (p *Primary) inherit(v keptServer, claim func(string) (int, bool), lost bool) {
	g := p.group(v.Group)
	s := &server{p: p, g: g, key: v.Key, at: v.At, policy: v.Policy, held: v.Held, data: v.Data, sockets: map[int]*socket{}}
	for _, c := range v.Sockets {
		fd, ok := claim(c.Name)
		if !ok && lost && v.Policy == RoundRobin && !v.Held {
			var err error
			if fd, err = p.reopen(v.At, c.Name); err != nil && p.trouble != nil {
				p.trouble(v.Group, "listen again: "+err.Error())
			}
			ok = err == nil
		}
		if !ok {
			continue
		}
		k := &socket{fd: fd, name: c.Name, s: s, slot: c.Slot, gaveUp: c.GaveUp}
		s.sockets[c.Slot] = k
		if s.slotted() {
			at := s.at.group()
			if p.ports[at] == nil {
				p.ports[at] = &port{at: at}
			}
			k.port = p.ports[at]
			k.port.place(c.Index, k)
		}
	}
	if len(s.sockets) > 0 {
		g.servers[s.key] = s
	}
}

// place puts a socket where it was among those on its port.
func (g *port) place(at int, k *socket) {
	at = max(at, 0)
	for len(g.members) <= at {
		g.members = append(g.members, nil)
	}
	if g.members[at] != nil { // two cannot have been there
		g.members = append(g.members, k)
		return
	}
	g.members[at] = k
}

// reopen listens on an address again.
func (p *Primary) reopen(at Endpoint, name string) (fd int, err error) {
	if fd, err = Bind(at); err != nil {
		return -1, err
	}
	if err = Listen(fd, at.Backlog); err == nil {
		err = p.store.Put(name, fd)
	}
	if err != nil {
		closeFD(fd)
		return -1, err
	}
	return fd, nil
}

// Adopt goes on with a worker of a former primary, whose channel is fd. leaving says that it was told to retire.
func (p *Primary) Adopt(m Member, id uint64, leaving bool, fd int, h Hooks) (*Worker, error) {
	w := p.worker(m, &h)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lastID = max(p.lastID, id)
	w.ID, w.leaving, w.listening = id, leaving, false
	p.join(w)
	// It listens on what its app does: a server that it has not, it does not take connections for, as it will answer.
	for _, s := range w.g.servers {
		if s.sockets[s.placeOf(w)] != nil {
			w.servers[s.key] = s
		}
	}
	var err error
	if w.Channel, err = p.x.Adopt(fd, h); err != nil {
		w.g.workers = w.g.workers[:len(w.g.workers)-1]
		return nil, err
	}
	if len(w.servers) > 0 {
		w.Channel.trust()
		w.probe()
	}
	return w, nil
}

// Settle ends taking over: what nobody is meant to use is closed.
func (p *Primary) Settle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, g := range p.ports {
		g.members[0].steer() // whatever the kernel was told before
	}
	for _, g := range p.groups {
		p.settle(g)
	}
	p.changed = true
	p.save()
}
