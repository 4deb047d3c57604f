package app

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestPIDFiles(t *testing.T) {
	for path, want := range map[string]string{
		"/h/pids/web.pid": "/h/pids/web-4.pid", "/h/pids/web-7.pid": "/h/pids/web-4.pid", "/h/pids/web-7x.pid": "/h/pids/web-7x-4.pid",
		"/run/w-2-3.pid": "/run/w-2-4.pid", "/run/web": "/run/web", "/run/web-1": "/run/web-1", "": "",
	} {
		assert.Equal(t, want, PIDFileWithID(path, 4), path)
	}
}
