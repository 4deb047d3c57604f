package health

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"weaver/app"
)

// Target is the program that is looked at.
type Target struct {
	PID  int
	Dir  string   // where commands run
	Env  []string // with what
	User func(*Command) error
	// Ports returns the ports that the program's processes listen on.
	Ports func() []int
	// Lines calls f for each line that the program prints from now on, until ctx ends. It may be nil.
	Lines func(ctx context.Context, f func(string))
	Signs *Signs // nil without any
}

// Degraded is an answer that is neither good nor bad: HTTP 3xx and 4xx.
type Degraded struct{ Status string }

func (e *Degraded) Error() string { return "status " + e.Status }

// Check looks once, for at most the probe's timeout. The error says in words what is wrong.
func Check(ctx context.Context, p *app.Probe, t *Target) error {
	timeout := p.Timeout.D()
	if timeout <= 0 {
		timeout = app.ProbeTimeout.D()
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err := look(ctx, p, t)
	if err != nil && ctx.Err() == context.DeadlineExceeded {
		return fmt.Errorf("timeout: no answer within %v", timeout)
	}
	return err
}

func look(ctx context.Context, p *app.Probe, t *Target) error {
	switch p.Kind {
	case app.ProbeHTTP:
		return checkHTTP(ctx, p.URL)
	case app.ProbeTCP:
		return checkTCP(ctx, address(p))
	case app.ProbeGRPC:
		return checkGRPC(ctx, address(p), p.Service)
	case app.ProbeExec:
		return checkExec(ctx, p.Command, t)
	case app.ProbeFile:
		return checkFile(p, t)
	case app.ProbeListening:
		return checkListening(p, t)
	}
	return fmt.Errorf("probe %q cannot be asked", p.Kind)
}

func address(p *app.Probe) string {
	host := p.Host
	if host == "" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, strconv.Itoa(p.Port))
}

// client follows no redirects and keeps no connections: what is asked is this answer, from a program that may be another
// one the next time. Certificates are the business of those who connect from outside.
var client = &http.Client{
	Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			var d net.Dialer
			c, err := d.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &askingConn{Conn: c, asked: make(chan struct{})}, nil
		},
	},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// askingConn reads nothing before the question is written. What greets whoever connects (SMTP, SSH, MySQL) would otherwise
// be, as the scheduler likes it, an answer or something that nobody asked for, which net/http prints and has no error for.
type askingConn struct {
	net.Conn
	once  sync.Once
	asked chan struct{}
}

func (c *askingConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.once.Do(func() { close(c.asked) })
	return n, err
}

func (c *askingConn) Read(b []byte) (int, error) {
	<-c.asked
	return c.Conn.Read(b)
}

func (c *askingConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() { close(c.asked) })
	return err
}

func checkHTTP(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("endpoint: %w", err)
	}
	req.Header.Set("User-Agent", "weaver-health")
	resp, err := client.Do(req)
	if err != nil {
		return cause(err)
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // a body that breaks off is still an answer
	switch resp.StatusCode / 100 {
	case 2:
		return nil
	case 3, 4:
		return &Degraded{resp.Status}
	}
	return fmt.Errorf("status %s", resp.Status)
}

func checkTCP(ctx context.Context, addr string) error {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return cause(err)
	}
	return c.Close()
}

// checkFile looks at a file, which is in the app's directory unless its path says otherwise.
func checkFile(p *app.Probe, t *Target) error {
	path := p.Path
	if !filepath.IsAbs(path) {
		path = filepath.Join(t.Dir, path)
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%s is not there", p.Path)
	case err != nil:
		return err
	case p.MaxAge > 0 && time.Since(info.ModTime()) > p.MaxAge.D():
		return fmt.Errorf("%s was not written to for %v", p.Path, time.Since(info.ModTime()).Round(time.Second))
	}
	return nil
}

func checkListening(p *app.Probe, t *Target) error {
	if t.Ports == nil {
		return errors.New("ports cannot be seen here")
	}
	ports := t.Ports()
	for _, port := range ports {
		if p.Port == 0 || port == p.Port {
			return nil
		}
	}
	if p.Port == 0 {
		return errors.New("it listens on no port")
	}
	return fmt.Errorf("it does not listen on port %d", p.Port)
}
