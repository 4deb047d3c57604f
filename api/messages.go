package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"weaver/app"
)

// Routes for what is said to programs.
const (
	PathTrigger = "/v1/trigger" // POST TriggerRequest → TriggerLine a line
	PathSend    = "/v1/send"    // POST SendRequest
	PathProfile = "/v1/profile" // POST ?kind=cpu|heap|goroutine, ?ms= → the daemon's own profile
)

// TriggerRequest asks programs to do something.
type TriggerRequest struct {
	// Target is a name, an id, a namespace, a script's file or all.
	Target string `json:"target"`
	Action string `json:"action"`
	// Opts are what the action gets, if anything.
	Opts json.RawMessage `json:"opts,omitempty"`
	// Inner asks what weaver has put into Node programs, rather than the programs.
	Inner bool         `json:"inner,omitempty"`
	Wait  app.Duration `json:"wait,omitempty"` // for answers; 0 is a minute
}

// TriggerLine is how many programs were asked, at first, and then one answer a line. An answer that will never come has an
// Error instead.
type TriggerLine struct {
	Count     int             `json:"count,omitempty"`
	ID        app.ID          `json:"id"`
	Name      string          `json:"name,omitempty"`
	Namespace string          `json:"namespace,omitempty"`
	Return    json.RawMessage `json:"return,omitempty"`
	Error     string          `json:"error,omitempty"`
}

// SendRequest writes to a process's standard input.
type SendRequest struct {
	ID   app.ID `json:"id"`
	Text string `json:"text"`
}

// Trigger asks programs to do something, and returns what comes of it as it comes.
func (c *Client) Trigger(ctx context.Context, r TriggerRequest) (iter.Seq2[TriggerLine, error], error) {
	body, err := encode(r)
	if err != nil {
		return nil, err
	}
	rc, err := c.do(ctx, nil, http.MethodPost, PathTrigger, nil, body)
	if err != nil {
		return nil, err
	}
	return stream[TriggerLine](rc), nil
}

// Send writes to a process's standard input.
func (c *Client) Send(ctx context.Context, id app.ID, text string) error {
	return c.call(ctx, http.MethodPost, PathSend, nil, SendRequest{id, text}, nil)
}

// Profile has the daemon profile itself for a while, and returns the profile.
func (c *Client) Profile(ctx context.Context, kind string, span time.Duration) ([]byte, error) {
	query := url.Values{"kind": {kind}, "ms": {strconv.FormatInt(span.Milliseconds(), 10)}}
	rc, err := c.do(ctx, nil, http.MethodPost, PathProfile, query, nil)
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	data, err := io.ReadAll(rc)
	if err != nil {
		return nil, fmt.Errorf("read the daemon's profile: %w", err)
	}
	return data, nil
}

// Recent returns the last lines of a process that the daemon has in memory, n of each stream at most.
func (c *Client) Recent(ctx context.Context, id app.ID, n int) (lines []app.Line, err error) {
	query := url.Values{"id": {id.String()}, "n": {strconv.Itoa(n)}}
	return lines, c.call(ctx, http.MethodGet, PathRecent, query, nil, &lines)
}
