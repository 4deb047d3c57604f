package app

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestTheEnvironmentOfACommandIsFoundAgain(t *testing.T) {
	command := Env{{Name: "PATH", Value: "/bin"}, {Name: "LEVEL", Value: "info"}, {Name: "KEEP", Value: "1"}, {Name: "DROPPED", Value: "x"}}
	service := Env{{Name: "PATH", Value: "/bin"}, {Name: "LEVEL", Value: "debug"}, {Name: "KEEP", Value: "1"}, {Name: "NEW", Value: "7"}}
	var s ConfigSource
	s.Leave(command, service)
	assert.Equal(t, []string{"NEW"}, s.Added)
	assert.Equal(t, command, s.Return(service))
	assert.Equal(t, "debug", service[1].Value, "the service's own is left alone")
}
