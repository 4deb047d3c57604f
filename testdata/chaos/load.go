//go:build linux

package main

import (
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// load asks the services that speak HTTP, all the time.
type load struct {
	end     chan struct{}
	once    sync.Once
	askers  sync.WaitGroup
	asked   atomic.Int64
	mu      sync.Mutex
	failed  string
	touched map[*service]time.Time // when it was last about to be ended
}

func newLoad(services []*service) *load {
	l := &load{end: make(chan struct{}), touched: map[*service]time.Time{}}
	for _, s := range services {
		if s.http() {
			l.askers.Go(func() { l.ask(s) }) // ends with stop
		}
	}
	return l
}

// grace is how long a service that was touched may take until it answers again.
const grace = 15 * time.Second

// touch says that a service is about to be ended, so that its requests may fail.
func (l *load) touch(s *service) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.touched[s] = time.Now()
}

func (l *load) ask(s *service) {
	client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	url := fmt.Sprintf("http://127.0.0.1:%d/", s.port)
	up := false
	for {
		select {
		case <-l.end:
			return
		case <-time.After(20 * time.Millisecond):
		}
		began := time.Now()
		resp, err := client.Get(url)
		if err == nil {
			resp.Body.Close()
			up = true
			l.asked.Add(1)
			continue
		}
		l.mu.Lock()
		excused := !up || !s.up.Load() || time.Since(l.touched[s]) < grace+time.Since(began)
		if !excused && l.failed == "" {
			l.failed = fmt.Sprintf("%s: %v", s.name, err)
		}
		l.mu.Unlock()
		up = up && !excused
	}
}

// stop ends the load and says how it went.
func (l *load) stop() (failed string, asked int64) {
	l.once.Do(func() { close(l.end) })
	l.askers.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed, l.asked.Load()
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
