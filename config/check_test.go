package config

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/app"
	"weaver/config/logname"
)

func parse(t *testing.T, text string) object {
	t.Helper()
	v, err := parseJSONish("test", []byte(text))
	require.NoError(t, err)
	return v.(object)
}

func TestTypesAreCheckedInPM2sWords(t *testing.T) {
	for text, want := range map[string]string{
		`{args: {}}`:                           `Expect "args" to be a typeof [object Array] / [object String], but now is [object Object]`,
		`{watch: 5}`:                           `Expect "watch" to be a typeof [object Boolean] / [object Array] / [object String], but now is [object Number]`,
		`{env: 'A=1'}`:                         `Expect "env" to be a typeof [object Object], but now is [object String]`,
		`{env_x: 5}`:                           `Expect "env_x" to be a typeof [object Object], but now is [object Number]`,
		`{interpreter: 5}`:                     `Expect "exec_interpreter" to be a typeof [object String], but now is [object Number]`,
		`{kill_timeout: 'abc'}`:                `Expect "kill_timeout" to be a typeof [object Number], but now is [object String]`,
		`{max_restarts: true}`:                 `Expect "max_restarts" to be a typeof [object Number], but now is [object Boolean]`,
		`{max_restarts: -1}`:                   `The minimum of "max_restarts" is 0, but now is -1`,
		`{max_restarts: 1.5}`:                  `"max_restarts" has to be a whole number, but now is 1.5`,
		`{min_uptime: 'soon'}`:                 `Verify "min_uptime" with regex failed, it should be a NUMBER - milliseconds, "[NUMBER]h"(hours), "[NUMBER]m"(minutes) or "[NUMBER]s"(seconds)`,
		`{min_uptime: 10}`:                     `The minimum of "min_uptime" is 100, but now is 10`,
		`{min_uptime: '10ms'}`:                 `The minimum of "min_uptime" is 100, but now is 10`,
		`{kill_timeout: -5}`:                   `The minimum of "kill_timeout" is 0, but now is -5`,
		`{kill_timeout: '-5s'}`:                `The minimum of "kill_timeout" is 0, but now is -5000`,
		`{max_memory_restart: '1.5G'}`:         `Verify "max_memory_restart" with regex failed, it should be a NUMBER - byte, "[NUMBER]G"(Gigabyte), "[NUMBER]M"(Megabyte) or "[NUMBER]K"(Kilobyte)`,
		`{max_memory_restart: '100MB'}`:        `Verify "max_memory_restart" with regex failed, it should be a NUMBER - byte, "[NUMBER]G"(Gigabyte), "[NUMBER]M"(Megabyte) or "[NUMBER]K"(Kilobyte)`,
		`{max_memory_restart: -1}`:             `The minimum of "max_memory_restart" is 0, but now is -1`,
		`{stop_exit_codes: [0, 256]}`:          `"stop_exit_codes" holds 256, which is no exit code (0-255)`,
		`{port: 65536}`:                        `port 65536 is out of range (0-65535)`,
		`{port: -1}`:                           `The minimum of "port" is 0, but now is -1`,
		`{nice: 20}`:                           `"nice" is from -20 to 19, but now is 20`,
		`{nice: -21}`:                          `The minimum of "nice" is -20, but now is -21`,
		`{umask: 22}`:                          `Expect "umask" to be a typeof [object String], but now is [object Number]`,
		`{umask: '888'}`:                       `"umask" has to be octal digits like "022", but now is "888"`,
		`{umask: '1000'}`:                      `"umask" has to be octal digits like "022", but now is "1000"`,
		`{limits: {nofiles: 5}}`:               `unknown limit "nofiles"`,
		`{max_cpu: 'lots'}`:                    `"max_cpu" is a percentage of one core, from 1 on, but now is lots`,
		`{max_cpu: 0.5}`:                       `"max_cpu" is a percentage of one core, from 1 on, but now is 0.5`,
		`{io_weight: 10001}`:                   `"io_weight" is from 1 to 10000, but now is 10001`,
		`{limits: {core: 'lots'}}`:             `limit core has to be a number or "unlimited", but now is lots`,
		`{limits: {oom_score_adj: 2000}}`:      `limit oom_score_adj is from -1000 to 1000, but now is 2000`,
		`{env: {'A=B': 1}}`:                    `"A=B" cannot be the name of an environment variable`,
		`{env: {A: 'x\0'}}`:                    `the value of A holds a NUL byte`,
		`{env_p: {'': 1}}`:                     `"" cannot be the name of an environment variable`,
		`{script: 'a\0'}`:                      `"script" holds a NUL byte`,
		`{restart_delay: 1e30}`:                `"restart_delay" is longer than ten years: 1e+30`,
		`{max_memory_restart: 1e30}`:           `"max_memory_restart" is too large: 1e+30`,
		`{max_memory_restart: '99999999999G'}`: `Verify "max_memory_restart" with regex failed, it should be a NUMBER - byte, "[NUMBER]G"(Gigabyte), "[NUMBER]M"(Megabyte) or "[NUMBER]K"(Kilobyte)`,
		`{kill_signal: 99}`:                    `unknown signal 99`,
		`{name: 'a\nb'}`:                       `name "a\nb" holds a control character`,
		`{name: '..'}`:                         `name ".." means a directory`,
		`{name: '../x'}`:                       `name "../x" means a directory`,
		`{name: 'a\\b'}`:                       `name "a\\b" holds a slash where it names a path or a pattern`,
		`{namespace: '/b/'}`:                   `namespace "/b/" holds a slash where it names a path or a pattern`,
	} {
		_, _, errs := check(parse(t, text), Context{})
		require.Len(t, errs, 1, text)
		assert.Equal(t, want, errs[0].Message, text)
		assert.NotEmpty(t, errs[0].Key, text)
	}
}

func TestALongNameIsRefusedShortly(t *testing.T) {
	_, _, errs := check(object{{"name", strings.Repeat("n", 1<<20)}}, Context{})
	require.Len(t, errs, 1)
	assert.Less(t, len(errs[0].String()), 300)
	assert.Contains(t, errs[0].Message, "is 1048576 bytes long, 200 are allowed")
	_, _, errs = check(object{{"name", strings.Repeat("n", maxName)}}, Context{})
	assert.Empty(t, errs)
	assert.LessOrEqual(t, len(logname.Base(strings.Repeat("n", maxName))+"-error-1234567.log__2026-11-23_14-00-49.log.gz"), 255)
}

func TestValuesTakeTheirUnits(t *testing.T) {
	vals, warnings, errs := check(parse(t, `{
		args: 'a "b c"', node_args: ['--x', 5], min_uptime: '5s', kill_timeout: '3000', restart_delay: '1.5s', listen_timeout: ['7'],
		max_memory_restart: '100m', max_log_size: '1K', stop_exit_codes: '5', max_restarts: '7', autorestart: false,
		umask: '027', kill_signal: 'usr2', cron_restart: '* * * * *', limits: {nofile: 4096, core: 'unlimited', as: '2G', oom_score_adj: -5},
	}`), Context{})
	require.Empty(t, errs)
	require.Empty(t, warnings)
	ms := func(n int) app.Duration { return app.Duration(n * 1e6) }
	assert.Equal(t, []string{"a", "b c"}, vals["args"])
	assert.Equal(t, []string{"--x", "5"}, vals["node_args"])
	assert.Equal(t, ms(5000), vals["min_uptime"])
	assert.Equal(t, ms(3000), vals["kill_timeout"])
	assert.Equal(t, ms(1500), vals["restart_delay"])
	assert.Equal(t, ms(7), vals["listen_timeout"])
	assert.Equal(t, app.Bytes(100<<20), vals["max_memory_restart"])
	assert.Equal(t, app.Bytes(1024), vals["max_log_size"])
	assert.Equal(t, []int{5}, vals["stop_exit_codes"])
	assert.Equal(t, 7, vals["max_restarts"])
	assert.Equal(t, false, vals["autorestart"])
	assert.Equal(t, 0o27, vals["umask"])
	assert.Equal(t, "SIGUSR2", vals["kill_signal"])
	l := vals["limits"].(*app.Limits)
	assert.Equal(t, uint64(4096), *l.NoFile)
	assert.Equal(t, ^uint64(0), *l.Core)
	assert.Equal(t, uint64(2<<30), *l.AddressRoom)
	assert.Equal(t, -5, *l.OOMScoreAdj)
	assert.Nil(t, l.Stack)
}

func TestEverySpellingIsHeard(t *testing.T) {
	for _, tc := range []struct{ key, text string }{
		{"script", `{exec: 'x'}`},
		{"script", `{cmd: 'x'}`},
		{"script", `{command: 'x'}`},
		{"exec_interpreter", `{interpreter: 'x'}`},
		{"exec_interpreter", `{execInterpreter: 'x'}`},
		{"node_args", `{interpreterArgs: 'x'}`},
		{"node_args", `{interpreter_args: 'x'}`},
		{"node_args", `{nodeArgs: 'x'}`},
		{"out_file", `{out: 'x'}`},
		{"out_file", `{output: 'x'}`},
		{"out_file", `{outLog: 'x'}`},
		{"error_file", `{err: 'x'}`},
		{"error_file", `{error: 'x'}`},
		{"error_file", `{err_file: 'x'}`},
		{"error_file", `{errLog: 'x'}`},
		{"log_file", `{log: 'x'}`},
		{"pid_file", `{pid: 'x'}`},
		{"merge_logs", `{combineLogs: true}`},
		{"uid", `{user: 'x'}`},
		{"cron_restart", `{cron: '* * * * *'}`},
		{"max_restarts", `{maxRestarts: 3}`},
		{"exp_backoff_restart_delay", `{expBackoffRestartDelay: 3}`},
		{"windowsHide", `{windowsHide: true}`},
	} {
		vals, warnings, errs := check(parse(t, tc.text), Context{})
		assert.Empty(t, errs, tc.text)
		assert.Empty(t, warnings, tc.text)
		assert.Contains(t, vals, tc.key, tc.text)
	}
	// The key itself wins over another spelling.
	vals, _, _ := check(parse(t, `{out: 'a', out_file: 'b'}`), Context{})
	assert.Equal(t, "b", vals["out_file"])
}

// PM2 takes 0, false and "" under a key of several words for absent.
func TestZeroIsZeroUnlessStrict(t *testing.T) {
	in := parse(t, `{max_restarts: 0, kill_timeout: 0, merge_logs: false, treekill: false, instance_var: ''}`)
	vals, _, errs := check(in, Context{})
	require.Empty(t, errs)
	assert.Equal(t, values{"max_restarts": 0, "kill_timeout": app.Duration(0), "merge_logs": false, "treekill": false, "instance_var": ""}, vals)
	vals, _, errs = check(in, Context{Strict: true})
	require.Empty(t, errs)
	assert.Equal(t, values{"treekill": false}, vals)
}

func TestUnknownKeysAreWarnedAbout(t *testing.T) {
	_, warnings, errs := check(parse(t, `{nmae: 'x', exec_timeout: 5, '// note': 1, '$schema': '', env_any: {}, zzzzzzzz: 1}`), Context{})
	require.Empty(t, errs)
	var got []string
	for _, w := range warnings {
		got = append(got, w.String())
	}
	assert.Equal(t, []string{
		`unknown key "nmae" (did you mean "name"?)`, `unknown key "exec_timeout"`, `unknown key "zzzzzzzz"`,
	}, got)
}

func FuzzAttribute(f *testing.F) {
	for _, seed := range []string{"150M", "1.5G", "5s", "4000", "-1", "99999999999999999999", "1e9", "", " 7 ", "0x10", "null", "[1]", "{a:1}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, word string) {
		tree, err := parseJSONish("f", []byte(word))
		for _, v := range []any{word, tree} {
			if err != nil && v == nil {
				continue
			}
			for i := range attributes {
				vals, _, errs := check(object{{attributes[i].key, v}}, Context{})
				for _, p := range errs {
					require.NotEmpty(t, p.Message)
				}
				if d, ok := vals[attributes[i].key].(app.Duration); ok {
					require.GreaterOrEqual(t, d, app.Duration(0))
				}
				if n, ok := vals[attributes[i].key].(app.Bytes); ok {
					require.GreaterOrEqual(t, n, app.Bytes(0))
				}
			}
		}
	})
}
