//go:build linux

package main

import (
	"fmt"
	"time"
)

const (
	groupMemory   = "Memory and threads of the daemon"
	groupSampling = "Sampling"
)

// What the daemon may take, anchor and supervisor together.
const (
	memoryBase     = 12e6
	memoryPerChild = 15e3
	threadLimit    = 12
	samplingLimit  = 1.5 // % of one core, with 1,000 services
)

// memory measures private memory and threads, idle and with services.
func (b *bench) memory() error {
	for _, n := range b.scale.memory {
		ids := []string{fmt.Sprintf("memory-%d", n), fmt.Sprintf("dirty-%d", n), fmt.Sprintf("rss-%d", n), fmt.Sprintf("threads-%d", n)}
		if !b.wants(ids...) {
			continue
		}
		withPM2 := false
		for _, p := range b.scale.pm2Memory {
			withPM2 = withPM2 || p == n
		}
		what := fmt.Sprintf("memory with %d services", n)
		progress("%s", what)
		all := b.managers(b.dirs.home, what, withPM2)
		private, dirty, rss, count := &row{}, &row{}, &row{}, &row{}
		for _, m := range all {
			w, err := b.weigh(m, n)
			if err != nil {
				b.skip(what+", "+m.name, err)
				continue
			}
			private.add(m.name, w.private, nil)
			dirty.add(m.name, w.dirty, nil)
			rss.add(m.name, w.rss, nil)
			count.add(m.name, w.threads, nil)
		}
		endAll(all)
		private.bound(memory, memoryBase+memoryPerChild*float64(n))
		private.Note = "Private memory is Private_Clean + Private_Dirty of smaps_rollup, what is no program file Private_Dirty alone, of weaver's anchor and supervisor together. " +
			fmt.Sprintf("They are read each second for %v, while nobody asks anything", b.scale.sampleFor)
		count.bound(threads, threadLimit)
		count.Base = 0 // PM2 wins no picture by its threads
		count.Note = "Threads are those of the process that has most"
		services := fmt.Sprintf(", %d services", n)
		b.add(private, ids[0], groupMemory, "private memory"+services, memory)
		b.add(dirty, ids[1], groupMemory, "of it no program file"+services, memory)
		b.add(rss, ids[2], groupMemory, "resident memory"+services, memory)
		b.add(count, ids[3], groupMemory, "threads"+services, threads)
	}
	return nil
}

// weights are a daemon's, reading after reading.
type weights struct{ private, dirty, rss, threads series }

// weigh has n services run and takes the daemon's weight again and again: it depends on what it has just been doing.
func (b *bench) weigh(m *manager, n int) (w weights, err error) {
	if n > 0 {
		if err := m.startAll(n, b.floor.service); err != nil {
			return w, err
		}
	}
	pids, err := m.pids(m)
	if err != nil {
		return w, err
	}
	time.Sleep(b.scale.settle) // idle means that nobody asked anything for a while
	for began := time.Now(); time.Since(began) < b.scale.sampleFor; time.Sleep(time.Second) {
		f, err := footprints(pids)
		if err != nil {
			return w, err
		}
		n, err := threadCount(pids)
		if err != nil {
			return w, err
		}
		w.private, w.dirty, w.rss = append(w.private, f.private), append(w.dirty, f.dirty), append(w.rss, f.rss)
		w.threads = append(w.threads, float64(n))
	}
	return w, nil
}

// sampling measures the CPU time of the daemon while nobody asks it anything.
func (b *bench) sampling() error {
	if !b.wants("sampling") {
		return nil
	}
	n := b.scale.sampled
	what := fmt.Sprintf("sampling of %d idle services, each second", n)
	progress("%s", what)
	all := b.managers(b.dirs.home, what, false)
	defer func() { endAll(all) }()
	r := &row{}
	for _, m := range all {
		if err := m.startAll(n, b.floor.service); err != nil {
			return err
		}
		pids, err := m.pids(m)
		if err != nil {
			return err
		}
		time.Sleep(b.scale.settle)
		before, err := cpuTimes(pids)
		if err != nil {
			return err
		}
		start := time.Now()
		time.Sleep(b.scale.sampleFor)
		after, err := cpuTimes(pids)
		if err != nil {
			return err
		}
		share := 100 * (after - before).Seconds() / time.Since(start).Seconds()
		r.add(m.name, series{share}, nil)
	}
	r.bound(percent, samplingLimit)
	r.Note = fmt.Sprintf("Sampling is the CPU time of anchor and supervisor over %v in which nobody asks anything, whatever it is spent on", b.scale.sampleFor)
	b.add(r, "sampling", groupSampling, what, percent)
	return nil
}
