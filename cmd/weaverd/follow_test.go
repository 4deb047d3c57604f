//go:build linux

package main

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// said is what a command has said so far.
type said struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *said) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(b)
}

func (s *said) lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.buf.String()
	return strings.Split(all[:strings.LastIndexByte(all, '\n')+1], "\n")
}

// Who follows sees every line once, whatever dies.
func TestFollowersMissNothingAcrossDeaths(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.writing()
	var out, errOut said
	cmd := exec.Command(filepath.Join(bin, "weaver"), "logs", "writer", "--raw", "--lines", "0")
	cmd.Dir, cmd.Stdout, cmd.Stderr = h.home, &out, &errOut
	cmd.Env = h.environ()
	require.NoError(t, cmd.Start())
	defer cmd.Wait()
	defer cmd.Process.Signal(syscall.SIGINT)
	more := func() {
		n := len(out.lines())
		require.Eventually(t, func() bool { return len(out.lines()) > n+3 }, 60*time.Second, time.Millisecond, "%v %v", &errOut.buf, n)
	}
	more()
	rounds := 8
	if testing.Short() {
		rounds = 3
	}
	for i := range rounds {
		switch i % 4 {
		case 3:
			require.NoError(t, syscall.Kill(h.ping().Anchor, syscall.SIGKILL))
		case 2:
			h.weaver("update")
		default:
			h.killSupervisor()
		}
		more()
	}
	h.stopWriting()
	files, err := filepath.Glob(filepath.Join(h.home, "logs", "writer-out*.log"))
	require.NoError(t, err)
	last := "line " + strconv.Itoa(inOrder(t, files[0]))
	require.Eventually(t, func() bool { return strings.Contains(strings.Join(out.lines(), "|")+"|", last+"|") }, 60*time.Second, time.Millisecond)
	at := 0
	for _, l := range out.lines() {
		text, ok := strings.CutPrefix(l, "line ")
		if !ok {
			assert.Empty(t, l)
			continue
		}
		n, err := strconv.Atoi(text)
		require.NoError(t, err, "%q", l)
		if at > 0 {
			require.Equal(t, at+1, n)
		}
		at = n
	}
	assert.Greater(t, at, rounds)
}
