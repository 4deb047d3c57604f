package config

import (
	"testing"

	"github.com/stretchr/testify/require"

	"weaver/app"
)

func TestLogsAsAnObject(t *testing.T) {
	read := func(text string) (values, []Problem) {
		tree, err := parseJSONish("x.json", []byte(text))
		require.NoError(t, err)
		vals, warnings, errs := check(tree.(object), Context{})
		require.Empty(t, warnings)
		return vals, errs
	}
	v, errs := read(`{name: "web", logs: {directory: "/var/log/web", stdout_file: "o.log", max_size: "5M", max_files: 3, compress: true}}`)
	require.Empty(t, errs)
	require.Equal(t, "/var/log/web/o.log", v["out_file"])
	require.Equal(t, "/var/log/web/web-error.log", v["error_file"])
	require.Equal(t, app.Bytes(5<<20), v["max_log_size"])
	require.Equal(t, 3, v["max_log_files"])
	require.Equal(t, true, v["compress_logs"])

	v, errs = read(`{name: "web", out_file: "mine.log", logs: {stdout_file: "/abs.log", stderr_file: "/e.log"}}`)
	require.Empty(t, errs)
	require.Equal(t, "mine.log", v["out_file"])
	require.Equal(t, "/e.log", v["error_file"])

	_, errs = read(`{logs: {stdot_file: "x"}}`)
	require.Len(t, errs, 1)
	require.Equal(t, `unknown key "logs.stdot_file"`, errs[0].Message)
	require.Equal(t, `did you mean "stdout_file"?`, errs[0].Hint)
	_, errs = read(`{logs: "x"}`)
	require.Len(t, errs, 1)
}
