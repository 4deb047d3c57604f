//go:build !linux

package procstat

import "github.com/shirou/gopsutil/v3/process"

// connections sorts out the sockets of p.
func (d *Details) connections(p *process.Process) error { return d.tabled(p) }
