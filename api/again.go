package api

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"weaver/app"
)

const (
	// repeats is how often the same is asked for again: perhaps it is what kills the daemons.
	repeats = 5
	// comeback is how long a dead daemon's successor may take to answer.
	comeback = 5 * time.Second
)

// operation makes the id of one. The daemon tells a repeat from a second wish by it.
func (c *Client) operation() string {
	n := c.asks.Add(1) - 1
	if strings.HasSuffix(c.Op, Each) {
		return c.Op + strconv.Itoa(int(n))
	}
	if c.Op != "" {
		return c.Op + "/" + strconv.Itoa(int(n))
	}
	var b [8]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

// change sends a request that changes something and has use read the answer. When the daemon dies before the end of that,
// its successor is asked the same: what was done already is not done again.
func (c *Client) change(ctx context.Context, path string, query url.Values, locks []int, body []byte, use func(io.ReadCloser) error) error {
	q := url.Values{}
	maps.Copy(q, query)
	q.Set(QueryOp, c.operation())
	for left := repeats; ; left-- {
		rc, err := c.do(ctx, locks, http.MethodPost, path, q, body)
		if err == nil {
			err = use(rc)
		}
		if err == nil || ctx.Err() != nil || left == 0 || !c.died(err) {
			return err
		}
		if next := c.successor(ctx); next != nil {
			return fmt.Errorf("%w, and there is none after it: %w", err, next)
		}
	}
}

// died reports that the daemon that was asked is gone: it was cut off, or died with its anchor before it was asked, and who
// asks can bring another.
func (c *Client) died(err error) bool {
	return c.Dial == nil && (errors.Is(err, errCut) || isCut(err) || c.Revive != nil && IsDown(err))
}

// successor returns when a daemon answers.
func (c *Client) successor(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, comeback)
	defer cancel()
	for {
		_, err := c.Ping(ctx)
		switch {
		case err == nil || !IsDown(err):
			return err
		case c.Revive != nil:
			return c.Revive()
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return err
		}
	}
}

// post is call for what changes something.
func (c *Client) post(ctx context.Context, path string, body, into any) error {
	data, err := encode(body)
	if err != nil {
		return err
	}
	return c.change(ctx, path, nil, nil, data, func(rc io.ReadCloser) error {
		defer rc.Close()
		if into == nil {
			_, err := io.Copy(io.Discard, rc)
			return err
		}
		if err := json.NewDecoder(rc).Decode(into); err != nil {
			return fmt.Errorf("read the daemon's answer to %s: %w", path, err)
		}
		return nil
	})
}

// told is what has been told of an operation: what is asked for again is told again from the start.
type told struct {
	before, now map[line]int
}

// line is what makes a step the same when it is told again. Numbers in it depend on what else was being done.
type line struct {
	step                        app.Step
	verb                        app.Verb
	target, name, kind, message string
	id                          app.ID
}

// again says that all comes from the start.
func (t *told) again() {
	if t.before == nil {
		t.before = map[line]int{}
	}
	for l, n := range t.now {
		t.before[l] = max(t.before[l], n)
	}
	t.now = map[line]int{}
}

// news reports whether a step was not told yet.
func (t *told) news(p *app.Progress) bool {
	l := line{p.Step, p.Verb, p.Target, p.Name, p.Kind, p.Message, p.ID}
	t.now[l]++
	return t.now[l] > t.before[l]
}
