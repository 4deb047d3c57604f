package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every command of services, and every flag of its own, is in a session of the real programs.
func TestSessionsHaveEveryFlagOfServices(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "testdata", "script", "*.txtar"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	var lines []string
	for _, f := range files {
		text, err := os.ReadFile(f)
		require.NoError(t, err)
		lines = append(lines, strings.Split(string(text), "\n")...)
	}
	said := func(words string) bool {
		re := regexp.MustCompile(words)
		for _, l := range lines {
			if re.MatchString(l) {
				return true
			}
		}
		return false
	}
	verbs, flags := 0, 0
	table := commands()
	for i := range table {
		s := table[i].asService()
		if s == nil {
			continue
		}
		verbs++
		verb := `weaver service ` + regexp.QuoteMeta(table[i].name) + `\b`
		require.True(t, said(verb), "no session has service %s", table[i].name)
		for _, f := range s.flags {
			flags++
			if !said(verb + `.*--` + regexp.QuoteMeta(f.name) + `\b`) {
				t.Errorf("no session has service %s --%s", table[i].name, f.name)
			}
		}
	}
	for _, name := range []string{ // of a start, beside its own
		"instances", "port", "auto-port", "port-retry", "max-memory", "max-cpu", "max-restarts", "min-uptime", "restart-backoff",
		"circuit-breaker", "failure-threshold", "state-file", "max-log-size", "max-log-files", "db", "auto-restore", "create-if-missing",
		"warm", "listen", "idle", "depends-on", "readiness", "liveness", "restart-window",
	} {
		require.True(t, said(`weaver service start\b.*--`+name+`\b`), "no session has service start --%s", name)
	}
	require.Equal(t, 13, verbs)
	require.Greater(t, flags, 30)
}
