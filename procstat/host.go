package procstat

import (
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/shirou/gopsutil/v3/cpu"
	"github.com/shirou/gopsutil/v3/disk"
	"github.com/shirou/gopsutil/v3/host"
	"github.com/shirou/gopsutil/v3/load"
	"github.com/shirou/gopsutil/v3/mem"
	"github.com/shirou/gopsutil/v3/net"
)

// HostStats is what the whole machine does.
type HostStats struct {
	At        time.Time
	Window    time.Duration // over which the rates are taken; 0 at first, with CPU then since boot and the other rates 0
	CPU       float64       // percent of all cores
	Cores     int
	MemTotal  uint64     // bytes
	MemUsed   uint64     // bytes, without what can be had back at once
	Load      [3]float64 // over 1, 5 and 15 minutes; 0 where there is no such thing
	Uptime    time.Duration
	NetRecv   float64 // bytes per second, all interfaces but loopback
	NetSent   float64
	DiskRead  float64 // bytes per second, all whole disks
	DiskWrite float64
}

// HostMeter takes the rates between its own calls. The zero value works.
type HostMeter struct {
	mu   sync.Mutex
	last HostStats
	was  counters
}

// counters are what only grows.
type counters struct {
	busy, all   float64 // seconds of all cores
	recv, sent  uint64
	read, write uint64
}

// hostEvery is how old a reading may be: rates over less say little.
const hostEvery = 250 * time.Millisecond

var theHost HostMeter

// Host tells what the machine does, with rates since the last call of anyone in
// this process. It never waits. What the system does not tell is zero; an error
// says that it told nothing about its processors or memory.
func Host() (HostStats, error) { return theHost.Read() }

// Read tells what the machine does, with rates since the last Read.
func (m *HostMeter) Read() (HostStats, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if !m.last.At.IsZero() && now.Sub(m.last.At) < hostEvery {
		return m.last, nil
	}
	s := HostStats{At: now, Cores: runtime.NumCPU()}
	is, err := count()
	if err != nil {
		return HostStats{}, fmt.Errorf("read processor times: %w", err)
	}
	memory, err := mem.VirtualMemory()
	if err != nil {
		return HostStats{}, fmt.Errorf("read memory of the machine: %w", err)
	}
	s.MemTotal, s.MemUsed = memory.Total, memory.Total-min(memory.Available, memory.Total)
	if avg, err := load.Avg(); err == nil {
		s.Load = [3]float64{avg.Load1, avg.Load5, avg.Load15}
	}
	if seconds, err := host.Uptime(); err == nil {
		s.Uptime = time.Duration(seconds) * time.Second
	}
	if !m.last.At.IsZero() {
		s.Window = now.Sub(m.last.At)
	}
	s.rate(m.was, is)
	m.last, m.was = s, is
	return s, nil
}

// rate sets the rates from the growth of the counters within s.Window.
func (s *HostStats) rate(was, is counters) {
	if all := is.all - was.all; all > 0 {
		s.CPU = min(max(100*(is.busy-was.busy)/all, 0), 100)
	}
	if s.Window <= 0 {
		return
	}
	perSecond := func(was, is uint64) float64 {
		if is < was { // An interface or a disk has gone.
			return 0
		}
		return float64(is-was) / s.Window.Seconds()
	}
	s.NetRecv, s.NetSent = perSecond(was.recv, is.recv), perSecond(was.sent, is.sent)
	s.DiskRead, s.DiskWrite = perSecond(was.read, is.read), perSecond(was.write, is.write)
}

func count() (counters, error) {
	var c counters
	times, err := cpu.Times(false)
	if err != nil {
		return c, err
	}
	for _, t := range times {
		// Guests are in User and Nice already.
		busy := t.User + t.Nice + t.System + t.Irq + t.Softirq + t.Steal
		c.busy += busy
		c.all += busy + t.Idle + t.Iowait
	}
	if nics, err := net.IOCounters(true); err == nil {
		for _, n := range nics {
			if !loopback(n.Name) {
				c.recv += n.BytesRecv
				c.sent += n.BytesSent
			}
		}
	}
	if disks, err := disk.IOCounters(); err == nil {
		for name, d := range disks {
			if wholeDisk(name) {
				c.read += d.ReadBytes
				c.write += d.WriteBytes
			}
		}
	}
	return c, nil
}
