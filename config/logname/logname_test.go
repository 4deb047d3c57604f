package logname

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"weaver/app"
)

func TestIDGoesBeforeTheEnding(t *testing.T) {
	for _, tc := range []struct {
		path string
		id   app.ID
		want string
	}{
		{"/l/oo.log", 0, "/l/oo-0.log"},
		{"/l/web-out.log", 12, "/l/web-out-12.log"},
		{"/l/web-out-3.log", 12, "/l/web-out-12.log"},
		{"/l/ee.txt", 3, "/l/ee.txt"},
		{"/dev/null", 3, "/dev/null"},
		{"/l/a.log.b", 3, "/l/a.log.b"},
		{"/l/-7.log", 1, "/l/-1.log"},
		{"/l/a-7x.log", 1, "/l/a-7x-1.log"},
		{"/l/a-+7.log", 1, "/l/a-+7-1.log"},
		{"", 1, ""},
	} {
		assert.Equal(t, tc.want, WithID(tc.path, tc.id), tc.path)
	}
	assert.Equal(t, "/p/web-4.pid", PIDWithID("/p/web.pid", 4))
	assert.Equal(t, "/p/web-4.pid", PIDWithID("/p/web-3.pid", 4))
	assert.Equal(t, "/p/web-4", PIDWithID("/p/web", 4))
}

func TestNamesBecomeFileNames(t *testing.T) {
	assert.Equal(t, "und-er", Base("und_er"))
	assert.Equal(t, "sleep-500", Base("sleep 500"))
	assert.Equal(t, "-..-a-b", Base("/../a\\b"))
	assert.Equal(t, "caf-", Base("café"))
}
