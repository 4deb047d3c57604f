package nodeipc

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestInternalCommandsAreToldFromMessages(t *testing.T) {
	for frame, want := range map[string]string{
		`{"cmd":"NODE_CLUSTER","act":"online"}`:                   cmdCluster,
		` { "act" : [1,{"x":"}"}] , "cmd" : "NODE_HANDLE_ACK" } `: cmdAck,
		`{"cmd":"NODE_"}`:                  "", // Node's own rule: longer than the prefix
		`{"CMD":"NODE_CLUSTER"}`:           "",
		`{"cmd":["NODE_CLUSTER"]}`:         "",
		`{"data":{"cmd":"NODE_CLUSTER"}}`:  "",
		`"NODE_CLUSTER"`:                   "",
		`["cmd","NODE_CLUSTER"]`:           "",
		`{"cmd":"x","cmd":"NODE_CLUSTER"}`: cmdCluster, // the last counts, as in JavaScript
		`null`:                             "",
		`42`:                               "",
	} {
		cmd, ok := command([]byte(frame))
		assert.True(t, ok, frame)
		assert.Equal(t, want, cmd, frame)
	}
	for _, frame := range []string{"", `{"cmd":"NODE_CLUSTER"`, `ODE_CLUSTER"}`, "{'a':1}"} {
		_, ok := command([]byte(frame))
		assert.False(t, ok, frame)
	}
}
