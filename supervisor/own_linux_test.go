package supervisor

import (
	"encoding/json"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"weaver/app"
)

// A supervisor that is killed between a fork and writing it down leaves a worker of which the journal does not know the number. It
// is adopted as what it was told to be: its wish to listen would otherwise be answered by nobody, for ever.
func TestWhatAProcessWasToldStandsForTheJournal(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	theirs, ours := os.NewFile(uintptr(pair[0]), "theirs"), os.NewFile(uintptr(pair[1]), "ours")
	defer theirs.Close()
	defer ours.Close()
	cmd := exec.Command("sleep", "1000")
	cmd.Env = []string{"A=B=C", "PORT=4711", workerVar + "=29", channelVar + "=3", serializationVar + "=" + advanced}
	cmd.ExtraFiles = []*os.File{theirs, ours}
	require.NoError(t, cmd.Start())
	defer func() {
		cmd.Process.Kill()
		cmd.Wait()
	}()
	channel := strconv.FormatUint(socketInode(int(ours.Fd())), 10)
	node := app.Spec{Interpreter: "node"}
	assert.Equal(t, map[string]json.RawMessage{valuesKey: json.RawMessage("true"), channelKey: json.RawMessage(channel)}, toldTo(cmd.Process.Pid, &node))
	worker := app.Spec{Interpreter: "node", Mode: app.Cluster}
	require.True(t, clusters(&worker))
	assert.Equal(t, json.RawMessage("29"), toldTo(cmd.Process.Pid, &worker)[workerKey])
	asked := app.Spec{Interpreter: "none", Listen: []string{"8000"}, Idle: app.Duration(1)}
	require.True(t, onDemand(&asked))
	assert.Equal(t, map[string]json.RawMessage{valuesKey: json.RawMessage("true"), proxyKey: json.RawMessage("4711")}, toldTo(cmd.Process.Pid, &asked))
	assert.Nil(t, toldTo(-1, &node))
}
