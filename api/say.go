package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
)

// Said is what the hot door answers: rendered text for both outputs, and the exit code.
type Said struct {
	Code     int
	Out, Err []byte
}

// Ask has a verb of the hot door answered: what it says is the same for both front ends. flags are names, or name=value.
func (c *Client) Ask(ctx context.Context, verb string, args, flags []string, width int, color bool) (Said, error) {
	return c.hot(ctx, http.MethodGet, nil, verb, args, flags, width, color)
}

// Tell is Ask for a verb that changes something; locks go along as with Act.
func (c *Client) Tell(ctx context.Context, verb string, args, flags []string, locks []int) (Said, error) {
	return c.hot(ctx, http.MethodPost, locks, verb, args, flags, 0, false)
}

func (c *Client) hot(ctx context.Context, method string, locks []int, verb string, args, flags []string, width int, color bool) (Said, error) {
	q := url.Values{"a": args, "f": flags, "w": {strconv.Itoa(width)}, "c": {"0"}}
	if color {
		q.Set("c", "1")
	}
	var s Said
	if method == http.MethodPost {
		err := c.change(ctx, PathHot+verb, q, locks, []byte{}, func(rc io.ReadCloser) error { return s.read(rc, verb) })
		return s, err
	}
	rc, err := c.do(ctx, locks, method, PathHot+verb, q, nil)
	if err != nil {
		return s, err
	}
	err = s.read(rc, verb)
	return s, err
}

func (s *Said) read(rc io.ReadCloser, verb string) error {
	defer rc.Close()
	data, err := io.ReadAll(rc)
	if err != nil {
		return fmt.Errorf("read the daemon's answer to %s: %w", verb, err)
	}
	errLen := 0
	if a, ok := rc.(*answerBody); ok {
		s.Code, _ = strconv.Atoi(a.header.Get(HeaderExit))
		errLen, _ = strconv.Atoi(a.header.Get(HeaderErr))
	}
	errLen = min(max(errLen, 0), len(data))
	s.Err, s.Out = data[:errLen], data[errLen:]
	return nil
}
