package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Every package here is part of every call of weaver, and of each anchor. Before one joins: what does it cost in
// TestStartIsCheap, and could the few lines that are needed of it be written down instead? fmt, net, encoding/json and
// runtime/debug (which imports fmt) have been thought about.
var allowed = strings.Fields(`
	bytes cmp context errors io io/fs iter math/bits os os/signal path path/filepath runtime slices strconv strings sync
	sync/atomic syscall time unicode unicode/utf8 unsafe
	weaver/cli/hot weaver/cmd/weaver weaver/config/home weaver/daemon/anchor weaver/lock weaver/logs/ledger weaver/supervisor/spawn/trampoline`)

func TestImports(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	require.NoError(t, err)
	for name := range strings.FieldsSeq(string(out)) {
		if strings.HasPrefix(name, "internal/") || strings.Contains(name, "/internal/") {
			continue // of the standard library: what these packages are made of
		}
		assert.True(t, slices.Contains(allowed, name), "%s: see the comment on allowed", name)
	}
}
