package logname

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestNamesBecomeFileNames(t *testing.T) {
	assert.Equal(t, "und-er", Base("und_er"))
	assert.Equal(t, "sleep-500", Base("sleep 500"))
	assert.Equal(t, "-..-a-b", Base("/../a\\b"))
	assert.Equal(t, "caf-", Base("café"))
}
