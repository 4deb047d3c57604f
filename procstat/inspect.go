package procstat

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/shirou/gopsutil/v3/process"
)

// Details is what the system tells of one process. What it does not tell, or
// not us, is zero and named in Missing.
type Details struct {
	PID         int
	Stopped     bool // by a signal, until SIGCONT
	Parent      int
	Name        string
	Cmdline     []string
	Cwd         string
	Exe         string
	User        string
	Created     time.Time
	RSS         uint64   // bytes
	OpenFiles   int      // descriptors
	Listening   []string // "tcp 127.0.0.1:3000", sorted
	Connections int      // established, by TCP
	Switches    struct{ Voluntary, Involuntary int64 }
	Read, Write uint64   // bytes from and to disks since the start
	Missing     []string // what could not be read, as "cwd: permission denied"
}

// Inspect asks for everything about one process, which takes milliseconds: it
// is meant for a person who looks at one.
func Inspect(pid int) (Details, error) {
	p, err := process.NewProcess(int32(pid))
	if err != nil {
		return Details{}, fmt.Errorf("inspect process %d: %w", pid, err)
	}
	d := Details{PID: pid}
	note := func(what string, err error) {
		if err != nil {
			d.Missing = append(d.Missing, what+": "+err.Error())
		}
	}
	d.Name, err = p.Name()
	note("name", err)
	d.Cmdline, err = p.CmdlineSlice()
	note("cmdline", err)
	d.Cwd, err = p.Cwd()
	note("cwd", err)
	d.Exe, err = p.Exe()
	note("exe", err)
	d.User, err = p.Username()
	note("user", err)
	state, err := p.Status()
	d.Stopped = slices.Contains(state, process.Stop)
	note("state", err)
	parent, err := p.Ppid()
	d.Parent = int(parent)
	note("parent", err)
	created, err := p.CreateTime()
	if err == nil {
		d.Created = time.UnixMilli(created)
	}
	note("created", err)
	memory, err := p.MemoryInfo()
	if memory != nil {
		d.RSS = memory.RSS
	}
	note("memory", err)
	files, err := p.NumFDs()
	d.OpenFiles = int(files)
	note("open files", err)
	note("connections", d.connections(p))
	slices.Sort(d.Listening)
	d.Listening = slices.Compact(d.Listening)
	switches, err := p.NumCtxSwitches()
	if switches != nil {
		d.Switches.Voluntary, d.Switches.Involuntary = switches.Voluntary, switches.Involuntary
	}
	note("context switches", err)
	io, err := p.IOCounters()
	if io != nil {
		d.Read, d.Write = io.ReadBytes, io.WriteBytes
	}
	note("io", err)
	return d, nil
}

// tabled sorts out the sockets of p, of which the tables of all sockets tell.
func (d *Details) tabled(p *process.Process) error {
	all, err := p.Connections()
	if err != nil {
		return err
	}
	for _, c := range all {
		switch c.Status {
		case "LISTEN":
			host, port := c.Laddr.IP, strconv.Itoa(int(c.Laddr.Port))
			d.Listening = append(d.Listening, "tcp "+net.JoinHostPort(host, port))
		case "ESTABLISHED":
			d.Connections++
		}
	}
	return nil
}
