//go:build linux

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	groupCluster = "Node's cluster"

	subNode = "node cluster" // Node's own module, its primary out of the data path
	subBare = "one process"

	clusterClose, clusterKeep, clusterNode = 2.2, 1.2, 0.97
	requestsCPU                            = 100_000 // requests that daemon CPU is told for
)

// webProgram answers with six bytes, like any web server in a comparison.
const webProgram = `require('http').createServer((_, s) => s.end('hello\n')).listen(+process.env.PORT, '127.0.0.1')`

// ownProgram is the same under Node's own primary.
const ownProgram = `const c = require('cluster')
c.schedulingPolicy = c.SCHED_NONE
if (c.isMaster) for (let i = 0; i < +process.env.N; i++) c.fork()
else ` + webProgram

// website is something that answers on a port.
type website struct {
	name string
	port int
	end  func()
	cpu  func() (time.Duration, error) // of who manages it; nil is nobody
	pids func() ([]int, error)         // all that take part in answering
	m    *manager
}

// cluster measures requests per second of weaver's workers, PM2's, Node's own and a bare process, in turn, the daemon's
// share of it, and what fails during reloads.
func (b *bench) cluster() error {
	if !b.wants("cluster-2-close", "cluster-2-keep", "cluster-4-close", "cluster-4-keep", "cluster-cpu", "cluster-reload",
		"cluster-2-close-cpu", "cluster-2-keep-cpu", "cluster-4-close-cpu", "cluster-4-keep-cpu") {
		return nil
	}
	if _, err := exec.LookPath("node"); err != nil {
		return errors.New("no node on PATH")
	}
	for _, n := range []int{2, 4} {
		if err := b.clusterOf(n); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) clusterOf(n int) error {
	sites, err := b.websites(n)
	defer func() {
		for _, s := range sites {
			s.end()
		}
	}()
	if err != nil {
		return err
	}
	cpu := &row{Note: "CPU of the daemon itself per 100,000 requests over as many connections, while its two workers answered"}
	for _, keep := range []bool{false, true} {
		var subjects []*subject
		spent := map[string]series{}
		used, served := map[string]time.Duration{}, map[string]int64{}
		for _, s := range sites {
			subjects = append(subjects, &subject{name: s.name, measure: func() (float64, error) {
				var before, after time.Duration
				if s.cpu != nil {
					before, _ = s.cpu()
				}
				pids, err := s.pids()
				if err != nil {
					return 0, err
				}
				from, err := cpuTimes(pids)
				if err != nil {
					return 0, err
				}
				begin := time.Now()
				done, err := press(s.port, 32, b.scale.press, keep)
				if err != nil {
					return 0, err
				}
				took := time.Since(begin)
				to, err := cpuTimes(pids)
				if err != nil {
					return 0, err
				}
				spent[s.name] = append(spent[s.name], (to-from).Seconds()/float64(done))
				if s.cpu != nil {
					after, _ = s.cpu()
					used[s.name] += after - before
					served[s.name] += done
				}
				return took.Seconds() / float64(done), nil
			}})
		}
		speeds := interleave(b.scale.presses, time.Minute, subjects...)
		id, name := fmt.Sprintf("cluster-%d-close", n), fmt.Sprintf("-i %d, a connection for each request", n)
		limit := clusterClose
		if keep {
			id, name, limit = fmt.Sprintf("cluster-%d-keep", n), fmt.Sprintf("-i %d, connections kept", n), clusterKeep
		}
		speeds.speed(limit, subPM2, subPM2)
		speeds.speed(clusterNode, subNode, subNode)
		b.add(speeds, id, groupCluster, name, perRequest)
		work := &row{Note: "CPU of the workers and of whoever manages them, in the same rounds: what the load generator and others do on the machine " +
			"is not in it"}
		for _, s := range sites {
			work.add(s.name, spent[s.name], nil)
		}
		work.speed(clusterNode, subNode, subNode)
		b.add(work, id+"-cpu", groupCluster, name+", CPU", perRequest)
		if n == 2 && !keep {
			for _, s := range []string{subWeaver, subPM2} {
				if served[s] > 0 {
					cpu.add(s, series{used[s].Seconds() * requestsCPU / float64(served[s])}, nil)
				}
			}
		}
	}
	if n != 2 {
		return nil
	}
	b.add(cpu, "cluster-cpu", groupCluster, "daemon CPU per 100,000 requests", seconds)
	return b.reloads(sites)
}

// reloads counts the requests that fail while an app is reloaded.
func (b *bench) reloads(sites []*website) error {
	row := &row{Note: "of all that 16 clients asked, each over a connection of its own, during three reloads of two workers"}
	for _, s := range sites {
		if s.m == nil {
			continue
		}
		stop, lost := make(chan struct{}), make(chan int64, 1)
		go func() { lost <- failures(s.port, 16, stop) }() // ends with stop
		var err error
		for range 3 {
			err = errors.Join(err, s.m.do("reload", "web"))
		}
		close(stop)
		row.add(s.name, series{float64(<-lost)}, err)
	}
	row.bound(failed, 0)
	b.add(row, "cluster-reload", groupCluster, "requests lost by three reloads", failed)
	return nil
}

// websites starts the program in every way.
func (b *bench) websites(n int) (sites []*website, err error) {
	dir := b.dirs.path(fmt.Sprintf("web-%d", n))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	web, own := filepath.Join(dir, "web.js"), filepath.Join(dir, "own.js")
	if err := errors.Join(os.WriteFile(web, []byte(webProgram), 0o600), os.WriteFile(own, []byte(ownProgram), 0o600)); err != nil {
		return nil, err
	}
	for _, m := range b.managers(b.dirs.home, "cluster", true) {
		s := &website{name: m.name, m: m, end: func() { m.end(true) }}
		sites = append(sites, s)
		if s.port, err = freePort(); err != nil {
			return sites, err
		}
		file, err := m.apps("web", service{
			Name: "web", Script: web, Interpreter: "node", Mode: "cluster", Instances: n, Env: map[string]string{"PORT": strconv.Itoa(s.port)},
		})
		if err == nil {
			err = m.do("start", file)
		}
		if err != nil {
			return sites, err
		}
		pids, err := m.pids(m)
		if err != nil {
			return sites, err
		}
		s.cpu = func() (time.Duration, error) { return cpuTimes(pids) }
		s.pids = func() ([]int, error) {
			workers, err := m.workers()
			return append(workers, pids...), err
		}
	}
	for name, script := range map[string]string{subNode: own, subBare: web} {
		s := &website{name: name, end: func() {}}
		sites = append(sites, s)
		if s.port, err = freePort(); err != nil {
			return sites, err
		}
		cmd := exec.Command("node", script)
		cmd.Env = append(cleanEnviron(), "PORT="+strconv.Itoa(s.port), "N="+strconv.Itoa(n))
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // as services are: to the scheduler, sessions are groups
		if err := cmd.Start(); err != nil {
			return sites, err
		}
		s.pids = func() ([]int, error) { return append(descendants(cmd.Process.Pid), cmd.Process.Pid), nil }
		s.end = func() {
			killTree([]int{cmd.Process.Pid})
			cmd.Wait()
		}
	}
	for _, s := range sites {
		if err := answers(s.port, n); err != nil {
			return sites, fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return sites, nil
}

// freePort is below those that connections get: a client that asks until somebody answers has had ten thousand of them.
func freePort() (int, error) {
	for range 1000 {
		port := 10000 + rand.IntN(20000)
		if l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, errors.New("no free port")
}

// answers waits until a port does, and for its workers to have come up.
func answers(port, n int) error {
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		_, err := press(port, n, 300*time.Millisecond, false)
		if err == nil || time.Now().After(end) {
			return err
		}
	}
}

const request = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"

// press asks over n connections at a time, kept or made anew for each request, and returns how many answers came.
func press(port, n int, d time.Duration, keep bool) (int64, error) {
	var done atomic.Int64
	var wg sync.WaitGroup
	errs := make(chan error, n)
	end := time.Now().Add(d)
	for range n {
		wg.Go(func() {
			for time.Now().Before(end) {
				if err := ask(port, keep, end, &done); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	return done.Load(), <-errs // nil if there was none
}

// ask makes one connection and asks over it: once, or until the end.
func ask(port int, keep bool, end time.Time, done *atomic.Int64) error {
	c, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(port))
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(30 * time.Second))
	r := bufio.NewReaderSize(c, 1024)
	for first := true; first || keep && time.Now().Before(end); first = false {
		if _, err := io.WriteString(c, request); err != nil {
			return err
		}
		if err := answer(r); err != nil {
			return err
		}
		done.Add(1)
	}
	return nil
}

// answer reads an answer whose length is told.
func answer(r *bufio.Reader) error {
	length := -1
	for n := 0; ; n++ {
		text, err := r.ReadString('\n')
		if err != nil {
			return err
		}
		if n == 0 && !strings.Contains(text, " 200 ") {
			return fmt.Errorf("answer %q", text)
		}
		if text == "\r\n" {
			break
		}
		if name, value, ok := strings.Cut(text, ":"); ok && strings.EqualFold(name, "content-length") {
			length, _ = strconv.Atoi(strings.TrimSpace(value))
		}
	}
	if length < 0 { // in one chunk, and an empty one
		for range 4 {
			if _, err := r.ReadString('\n'); err != nil {
				return err
			}
		}
		return nil
	}
	_, err := r.Discard(length)
	return err
}

// failures counts requests that fail, each over a connection of its own.
func failures(port, n int, stop <-chan struct{}) int64 {
	var lost, done atomic.Int64
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if ask(port, false, time.Time{}, &done) != nil {
					lost.Add(1)
				}
			}
		})
	}
	wg.Wait()
	return lost.Load()
}
