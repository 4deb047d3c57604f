package axon

import (
	"context"
	"errors"
	"net"
	"sync"
	"syscall"
	"time"
)

// maxConns is how many connections a server has at a time.
const maxConns = 256

// talk is what is done with a connection, until it returns.
type talk func(context.Context, net.Conn)

// serve takes connections and talks on each, until l is closed.
func serve(ctx context.Context, l net.Listener, greet func(net.Conn) talk) error {
	meet, end := meeting(ctx, greet)
	defer end()
	return until(ctx, func() error {
		c, err := l.Accept()
		if err == nil {
			meet(c)
		}
		return err
	})
}

// meeting returns what to call with connections, one after the other, in the order in which they come. It talks on as many as are
// allowed at a time. end hangs up on all, and returns when nobody talks any more.
func meeting(ctx context.Context, greet func(net.Conn) talk) (meet func(net.Conn), end func()) {
	ctx, cancel := context.WithCancel(ctx)
	var conns sync.WaitGroup
	room := make(chan struct{}, maxConns)
	meet = func(c net.Conn) {
		select {
		case room <- struct{}{}:
		default:
			c.Close()
			return
		}
		talk := greet(c)
		conns.Go(func() { // ends with the connection, which ends with ctx
			defer func() { <-room }()
			defer c.Close()
			stop := context.AfterFunc(ctx, func() { c.Close() })
			defer stop()
			talk(ctx, c)
		})
	}
	return meet, func() { cancel(); conns.Wait() }
}

// breath is what a door waits that could not open, because too much else is open.
const breath = 100 * time.Millisecond

// until calls next until that says that the listener is closed. What passes is no reason to serve nobody any more.
func until(ctx context.Context, next func() error) error {
	for {
		switch err := next(); {
		case err == nil:
		case errors.Is(err, net.ErrClosed):
			return nil
		case passes(err):
			select {
			case <-time.After(breath):
			case <-ctx.Done():
				return nil
			}
		default:
			return err
		}
	}
}

func passes(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
