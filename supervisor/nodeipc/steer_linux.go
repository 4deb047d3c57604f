package nodeipc

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// port is the sockets that share one port, in the kernel's order: as they began to listen, the last in the place of one
// that left.
type port struct {
	at      Endpoint
	members []*socket
}

// group returns what sockets that share a port have in common.
func (e Endpoint) group() Endpoint {
	e.Backlog = 0
	return e
}

// enter notes a socket that has begun to listen.
func (p *Primary) enter(at Endpoint, k *socket) {
	g := p.ports[at]
	if g == nil {
		g = &port{at: at}
		p.ports[at] = g
	}
	g.members = append(g.members, k)
	k.port = g
	if g.steered() || k.s.policy == Sticky {
		k.steer()
	}
}

// leave forgets a socket that listens no more: the kernel has put the last of the port in its place.
func (p *Primary) leave(k *socket) {
	g := k.port
	k.port = nil
	i := slices.Index(g.members, k)
	last := len(g.members) - 1
	g.members[i] = g.members[last]
	g.members = g.members[:last]
	if last == 0 {
		delete(p.ports, g.at)
		return
	}
	// Until this is done the numbers do not fit: a connection goes to another socket than meant, and is served there.
	if first := g.members[0]; g.steered() || first.s.policy == Sticky {
		first.steer()
	}
}

func (g *port) steered() bool {
	return slices.ContainsFunc(g.members, func(k *socket) bool { return k.away })
}

// steer has the kernel choose among the sockets that are not away, by the client's address if sticky. Without need for
// it the kernel goes its own way.
func (g *port) steer(sticky bool) error {
	live := make([]uint32, 0, len(g.members))
	for i, k := range g.members {
		if !k.away {
			live = append(live, uint32(i))
		}
	}
	fd := g.members[0].fd
	if len(live) == 0 || len(live) == len(g.members) && !sticky {
		err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, soDetachReuseportBPF, 0)
		if err == unix.ENOENT { // none was attached
			err = nil
		}
		return err
	}
	if len(g.members) > maxSteered {
		return fmt.Errorf("%d sockets on port %d are too many", len(g.members), g.at.Port)
	}
	program := g.random(live)
	if sticky {
		program = g.sticky(live)
	}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_REUSEPORT_CBPF,
		&unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]})
}

// x/sys lacks it; the kernel has it since 5.3.
const soDetachReuseportBPF = 68

// maxSteered keeps the program, a dozen instructions for each socket, below the kernel's 4096.
const maxSteered = 320

// Where a filter finds things, see linux/filter.h.
const (
	randomNumber = 0xfffff000 + 56 // SKF_AD_OFF + SKF_AD_RANDOM
	ipHeader     = 0xfff00000      // SKF_NET_OFF
)

func statement(code uint16, k uint32) unix.SockFilter { return unix.SockFilter{Code: code, K: k} }

// choose returns the K-th of numbers, K being in A and below their count.
func choose(numbers []uint32) []unix.SockFilter {
	out := make([]unix.SockFilter, 0, 2*len(numbers))
	for i, n := range numbers[:len(numbers)-1] {
		out = append(out,
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: 0, Jf: 1, K: uint32(i)},
			statement(unix.BPF_RET|unix.BPF_K, n))
	}
	return append(out, statement(unix.BPF_RET|unix.BPF_K, numbers[len(numbers)-1]))
}

// random spreads connections evenly.
func (g *port) random(live []uint32) []unix.SockFilter {
	return append([]unix.SockFilter{
		statement(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS, randomNumber),
		statement(unix.BPF_ALU|unix.BPF_MOD|unix.BPF_K, uint32(len(live))),
	}, choose(live)...)
}

// sticky chooses by the client's address: of the slots that are live the one whose score with it is highest. So an address
// keeps its slot whatever becomes of others, and those of a slot that is gone are spread over all.
func (g *port) sticky(live []uint32) []unix.SockFilter {
	const address, best, chosen = 0, 1, 2 // where in memory
	word := func(offset uint32) unix.SockFilter {
		return statement(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS, ipHeader+offset)
	}
	mix := []unix.SockFilter{ // A is xor-ed with what was in X
		statement(unix.BPF_ALU|unix.BPF_XOR|unix.BPF_X, 0),
		statement(unix.BPF_MISC|unix.BPF_TAX, 0),
	}
	six := []unix.SockFilter{word(8), statement(unix.BPF_MISC|unix.BPF_TAX, 0)}
	for _, offset := range []uint32{12, 16, 20} {
		six = append(append(six, word(offset)), mix...)
	}
	six = append(six, statement(unix.BPF_JMP|unix.BPF_JA, 1)) // over the word of IPv4
	program := []unix.SockFilter{
		statement(unix.BPF_LD|unix.BPF_B|unix.BPF_ABS, ipHeader),
		statement(unix.BPF_ALU|unix.BPF_RSH|unix.BPF_K, 4),
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: 6, Jt: 0, Jf: uint8(len(six))},
	}
	program = append(append(program, six...), word(12))
	program = append(program, spread(0x9E3779B1)...)
	program = append(program, statement(unix.BPF_ST, address), statement(unix.BPF_LD|unix.BPF_IMM, 0), statement(unix.BPF_ST, best),
		statement(unix.BPF_LD|unix.BPF_IMM, live[0]), statement(unix.BPF_ST, chosen))
	for _, n := range live {
		program = append(program,
			statement(unix.BPF_LD|unix.BPF_MEM, address),
			statement(unix.BPF_ALU|unix.BPF_XOR|unix.BPF_K, uint32(g.members[n].slot+1)*0x85EBCA6B))
		program = append(program, spread(0xC2B2AE35)...)
		program = append(program,
			statement(unix.BPF_LDX|unix.BPF_MEM, best),
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JGT | unix.BPF_X, Jt: 0, Jf: 3},
			statement(unix.BPF_ST, best),
			statement(unix.BPF_LD|unix.BPF_IMM, n),
			statement(unix.BPF_ST, chosen))
	}
	return append(program, statement(unix.BPF_LD|unix.BPF_MEM, chosen), statement(unix.BPF_RET|unix.BPF_A, 0))
}

// spread has every bit of A tell on its high ones.
func spread(factor uint32) []unix.SockFilter {
	return []unix.SockFilter{
		statement(unix.BPF_ALU|unix.BPF_MUL|unix.BPF_K, factor),
		statement(unix.BPF_MISC|unix.BPF_TAX, 0),
		statement(unix.BPF_ALU|unix.BPF_RSH|unix.BPF_K, 15),
		statement(unix.BPF_ALU|unix.BPF_XOR|unix.BPF_X, 0),
		statement(unix.BPF_ALU|unix.BPF_MUL|unix.BPF_K, factor),
	}
}
