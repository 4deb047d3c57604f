package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"

	"weaver/app"
)

// Client talks to the daemon behind Socket. It is safe for concurrent use, asks 64 things at a time while others wait, and keeps
// idle connections for 60 s.
type Client struct {
	Socket string
	// Op is the id of the operation that comes first, if another front end has asked for it already, or, ending in Each, of
	// all of them.
	Op string
	// Revive starts a daemon when the one that was asked to change something has died, and nobody is there to take its
	// place. Nil is to wait for one.
	Revive func() error
	// Version is told of which version the daemon is that has answered. It may be called at the same time.
	Version func(string)
	// Dial opens a connection, if not to Socket. What breaks is not asked for again then.
	Dial func(context.Context) (net.Conn, error)

	pool  pool
	queue queue
	asks  atomic.Int32 // operations asked for
}

// Close waits for the answers to what was asked, and drops the connections. What is followed, events and logs, ends with its
// context. The client can be used afterwards.
func (c *Client) Close() {
	c.queue.drain()
	c.pool.close()
}

// errorOf reads what the daemon answered instead of a result.
func errorOf(resp *http.Response, body io.Reader, method, path string) *Error {
	data, _ := io.ReadAll(io.LimitReader(body, 1<<20))
	var e Error
	if json.Unmarshal(data, &e) != nil || e.Message == "" {
		e = Error{Kind: Internal, Message: fmt.Sprintf("daemon answered %s to %s %s: %s", resp.Status, method, path, bytes.TrimSpace(data))}
	}
	return &e
}

// encode words a body; nil is none.
func encode(body any) ([]byte, error) {
	if body == nil {
		return nil, nil
	}
	data, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("encode the request: %w", err)
	}
	return data, nil
}

func (c *Client) call(ctx context.Context, method, path string, query url.Values, body, into any) error {
	data, err := encode(body)
	if err != nil {
		return err
	}
	rc, err := c.do(ctx, nil, method, path, query, data)
	if err != nil {
		return err
	}
	defer rc.Close()
	if into == nil {
		_, err = io.Copy(io.Discard, rc)
		return err
	}
	if err := json.NewDecoder(rc).Decode(into); err != nil {
		return fmt.Errorf("read the daemon's answer to %s: %w", path, err)
	}
	return nil
}

// stream decodes NDJSON until the end or the first error.
func stream[T any](rc io.ReadCloser) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		defer rc.Close()
		dec := json.NewDecoder(bufio.NewReaderSize(rc, 32<<10))
		for {
			var v T
			err := dec.Decode(&v)
			if err == io.EOF {
				return
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// operate runs a request that answers with progress, calling report for each line, once. locks are descriptors of held lock
// files; the daemon keeps them until it is done. If the daemon dies meanwhile its successor is asked to go on.
func (c *Client) operate(ctx context.Context, path string, body any, locks []int, report func(app.Progress)) error {
	data, err := encode(body)
	if err != nil {
		return err
	}
	var lines told
	return c.change(ctx, path, nil, locks, data, func(rc io.ReadCloser) error {
		lines.again()
		ended := false
		for p, err := range stream[app.Progress](rc) {
			if err != nil {
				return fmt.Errorf("follow the operation: %w", err)
			}
			if lines.news(&p) {
				report(p)
			}
			ended = ended || p.Step == app.StepEnd
		}
		if !ended {
			return fmt.Errorf("follow the operation: %w", errCut)
		}
		return nil
	})
}

// Ping asks the daemon who it is.
func (c *Client) Ping(ctx context.Context) (Ping, error) {
	var p Ping
	return p, c.call(ctx, http.MethodGet, PathPing, nil, nil, &p)
}

// List returns the processes that the targets mean, all without targets. With spec their specs come along.
func (c *Client) List(ctx context.Context, spec bool, cwd string, targets ...app.Selector) ([]app.Process, error) {
	q := targetQuery(targets)
	if spec {
		q.Set("spec", "1")
	}
	if cwd != "" {
		q.Set("cwd", cwd)
	}
	var list []app.Process
	return list, c.call(ctx, http.MethodGet, PathProcesses, q, nil, &list)
}

// Start starts apps.
func (c *Client) Start(ctx context.Context, r StartRequest, locks []int, report func(app.Progress)) error {
	return c.operate(ctx, PathStart, r.pack(), locks, report)
}

// Act applies a verb.
func (c *Client) Act(ctx context.Context, r ActRequest, locks []int, report func(app.Progress)) error {
	return c.operate(ctx, PathAct, r, locks, report)
}

// Take hands over processes of another supervisor, as Act.
func (c *Client) Take(ctx context.Context, r TakeRequest, locks []int, report func(app.Progress)) error {
	return c.operate(ctx, PathTake, r, locks, report)
}

// Scale changes the number of instances.
func (c *Client) Scale(ctx context.Context, r ScaleRequest, locks []int, report func(app.Progress)) error {
	return c.operate(ctx, PathScale, r, locks, report)
}

// Kill stops every service and then the daemon.
func (c *Client) Kill(ctx context.Context, report func(app.Progress)) error {
	return c.operate(ctx, PathKill, struct{}{}, nil, report)
}

// Update has another weaverd take over.
func (c *Client) Update(ctx context.Context, weaverd string) (UpdateResult, error) {
	var r UpdateResult
	return r, c.call(ctx, http.MethodPost, PathUpdate, nil, UpdateRequest{weaverd}, &r)
}

// Resurrect starts what was saved and does not exist.
func (c *Client) Resurrect(ctx context.Context, report func(app.Progress)) error {
	return c.operate(ctx, PathResurrect, struct{}{}, nil, report)
}

// Save saves the list.
func (c *Client) Save(ctx context.Context, force bool) (SaveResult, error) {
	var r SaveResult
	return r, c.post(ctx, PathSave, SaveRequest{force}, &r)
}

// ClearDump empties the saved list.
func (c *Client) ClearDump(ctx context.Context) error {
	return c.post(ctx, PathClearDump, struct{}{}, nil)
}

// Flush empties log files.
func (c *Client) Flush(ctx context.Context, targets ...app.Selector) (FlushResult, error) {
	var r FlushResult
	return r, c.post(ctx, PathFlush, TargetRequest{targets}, &r)
}

// Rotate rotates log files now.
func (c *Client) Rotate(ctx context.Context, targets ...app.Selector) (FlushResult, error) {
	var r FlushResult
	return r, c.post(ctx, PathRotate, TargetRequest{targets}, &r)
}

// ReloadLogs has every log file opened again.
func (c *Client) ReloadLogs(ctx context.Context) error {
	return c.post(ctx, PathReloadLogs, struct{}{}, nil)
}

// Describe returns all that is known of the processes that the targets mean.
func (c *Client) Describe(ctx context.Context, targets ...app.Selector) ([]Description, error) {
	var d []Description
	return d, c.call(ctx, http.MethodGet, PathDescribe, targetQuery(targets), nil, &d)
}

// Follow streams output as it comes, until ctx ends.
func (c *Client) Follow(ctx context.Context, s app.Stream, targets ...app.Selector) (iter.Seq2[app.Line, error], error) {
	q := targetQuery(targets)
	if s != "" {
		q.Set("stream", string(s))
	}
	rc, err := c.follow(ctx, PathFollow, q)
	if err != nil {
		return nil, err
	}
	return stream[app.Line](rc), nil
}

// Events streams what happens after the event numbered since, until ctx ends.
func (c *Client) Events(ctx context.Context, since uint64) (iter.Seq2[app.Event, error], error) {
	q := url.Values{}
	if since > 0 {
		q.Set("since", strconv.FormatUint(since, 10))
	}
	rc, err := c.follow(ctx, PathEvents, q)
	if err != nil {
		return nil, err
	}
	return stream[app.Event](rc), nil
}

// Host returns the machine's figures.
func (c *Client) Host(ctx context.Context) (HostStats, error) {
	var h HostStats
	return h, c.call(ctx, http.MethodGet, PathHost, nil, nil, &h)
}

// Cache returns the cache's figures, after clearing it if asked to.
func (c *Client) Cache(ctx context.Context, clear bool) (CacheStats, error) {
	var s CacheStats
	if clear {
		return s, c.post(ctx, PathCacheClear, struct{}{}, &s)
	}
	return s, c.call(ctx, http.MethodGet, PathCache, nil, nil, &s)
}

// Settings returns the daemon's settings, after changing those given.
func (c *Client) Settings(ctx context.Context, change map[string]string) (map[string]string, error) {
	var s map[string]string
	if len(change) > 0 {
		return s, c.post(ctx, PathSettings, change, &s)
	}
	return s, c.call(ctx, http.MethodGet, PathSettings, nil, nil, &s)
}

func targetQuery(targets []app.Selector) url.Values {
	q := url.Values{}
	for _, t := range targets {
		q.Add("t", string(t))
	}
	return q
}
