package health

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
)

// ErrNotHTTP says that what answered does not speak HTTP.
var ErrNotHTTP = errors.New("the answer is not HTTP")

// cause says in words why there was no answer.
func cause(err error) error {
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns):
		if dns.IsTimeout {
			return fmt.Errorf("timeout: DNS did not answer for the host %s", dns.Name)
		}
		return fmt.Errorf("DNS could not resolve the host %s", dns.Name)
	case errors.Is(err, syscall.ECONNREFUSED):
		return errors.New("connection refused")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), os.IsTimeout(err):
		return errors.New("timeout")
	case errors.Is(err, syscall.ECONNRESET), strings.HasSuffix(err.Error(), ": EOF"):
		return errors.New("the connection was closed before an answer")
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return errors.New("the host cannot be reached")
	case strings.Contains(err.Error(), "malformed HTTP"):
		return ErrNotHTTP
	}
	return err
}
