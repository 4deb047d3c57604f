package cli

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLevelOf(t *testing.T) {
	for text, want := range map[string]level{
		`{"level":30,"msg":"x"}`: levelInfo, `{"level":"ERROR"}`: levelError, `{"level":60}`: levelFatal, `{"msg":"an error"}`: levelInfo,
		"2026-01-01 [WARN] disk": levelWarn, "DEBUG: x": levelDebug, "plain": levelInfo, "terror": levelInfo, `x {"severity":"warning"}`: levelWarn,
	} {
		require.Equal(t, want, levelOf(text), text)
	}
}

func TestServiceIsTheSecondFormOfTheRow(t *testing.T) {
	table := commands()
	for line, name := range map[string]string{
		"service start web --script a.js": "service start", "service --json status web": "service status",
		"--json service list": "service list", "service stop web --timeout 5": "service stop", "status web": "list",
	} {
		l, err := parse(table, strings.Fields(line), nil)
		require.NoError(t, err, line)
		require.Equal(t, name, l.cmd.name, line)
	}
	l, err := parse(table, strings.Fields("service start web --env A=1 --env B=2 -- --x"), nil)
	require.NoError(t, err)
	require.Equal(t, []string{"--env=A=1", "--env=B=2", "--", "web"}, l.argv)
	require.Equal(t, []string{"--x"}, l.rest)
	_, err = parse(table, strings.Fields("service stop"), nil)
	require.ErrorContains(t, err, "missing required argument `NAME'")
	l, err = parse(table, strings.Fields("service nonsense"), nil)
	require.NoError(t, err)
	require.Equal(t, "service", l.cmd.name)
	if c := find(table, "monitor"); c != nil { // without "service" it is PM2's, which says what there is instead
		require.True(t, c.hidden, "only a service has it")
	}
}
