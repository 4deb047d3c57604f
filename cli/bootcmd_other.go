//go:build !unix

package cli

import (
	"errors"
	"os"
)

var terminate = os.Kill

func replace(string, []string, []string) error { return errors.ErrUnsupported }

func notify(_, _ string) error { return errors.ErrUnsupported }

func openDescriptor(int) (*os.File, error) { return nil, errors.ErrUnsupported }
