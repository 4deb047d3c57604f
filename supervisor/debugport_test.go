package supervisor

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestWhereAnInspectorIs(t *testing.T) {
	for options, want := range map[string]struct {
		host string
		port int
	}{
		"--max-old-space-size=99 --inspector": {"", 0},
		"--inspect":                           {"127.0.0.1", 9229},
		"--inspect-brk=9400":                  {"127.0.0.1", 9400},
		"--inspect=0.0.0.0:9400":              {"0.0.0.0", 9400},
		"--inspect=0.0.0.0":                   {"0.0.0.0", 9229},
		"--inspect=[::1]:9400":                {"::1", 9400},
		"--inspect=0":                         {"127.0.0.1", 0},
		"--inspect=localhost:0":               {"localhost", 0},
		"--inspect=0.0.0.0 --inspect-port=7":  {"0.0.0.0", 7},
		"--inspect-port 9500 --inspect":       {"127.0.0.1", 9500},
		"--debug-port=9500 --inspect-wait=":   {"127.0.0.1", 9500},
	} {
		host, port := inspector(strings.Fields(options))
		assert.Equal(t, want.port, port, options)
		if port != 0 {
			assert.Equal(t, want.host, host, options)
		}
	}
}
