package nodeipc

import (
	"bytes"
	"encoding/json"

	"weaver/skim"
)

// Internal commands.
const (
	cmdCluster = "NODE_CLUSTER"
	cmdHandle  = "NODE_HANDLE"
	cmdAck     = "NODE_HANDLE_ACK"
	cmdNack    = "NODE_HANDLE_NACK"
	// cmdShutdown comes from what weaver has put into a program.
	cmdShutdown = "NODE_WEAVER_SHUTDOWN"
)

// internalPrefix marks commands that no program sees. The bare prefix is none, as in Node.
const internalPrefix = "NODE_"

// command returns the internal command of a frame, "" if it is a program's own message. ok is false if it is no JSON.
func command(frame []byte) (cmd string, ok bool) {
	if !json.Valid(frame) {
		return "", false
	}
	if !bytes.Contains(frame, []byte(internalPrefix)) { // spelled with escapes it is not Node's own
		return "", true
	}
	skim.Members(frame, func(key string, value []byte) {
		if key == "cmd" {
			cmd = skim.Text(value)
		}
	})
	if len(cmd) <= len(internalPrefix) || cmd[:len(internalPrefix)] != internalPrefix {
		cmd = ""
	}
	return cmd, true
}
