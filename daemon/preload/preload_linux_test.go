package preload

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/app"
)

// program is a Node program with the script in it, and a channel to what it tells.
type program struct {
	t      *testing.T
	cmd    *exec.Cmd
	conn   net.Conn
	in     *bufio.Scanner
	stdout bytes.Buffer
	stderr bytes.Buffer
	exited chan error
}

// run starts source as a file of the given ending, with the script before it unless mode is empty.
func run(t *testing.T, ending, mode, source string, nodeArgs ...string) *program {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("no node: ", err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "app"+ending)
	require.NoError(t, os.WriteFile(file, []byte(source), 0o600))
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	mine, theirs := os.NewFile(uintptr(fds[0]), "channel"), os.NewFile(uintptr(fds[1]), "channel")
	p := &program{t: t, exited: make(chan error, 1)}
	p.conn, err = net.FileConn(mine)
	require.NoError(t, err)
	mine.Close()
	p.conn.SetDeadline(time.Now().Add(60 * time.Second))
	var args []string
	env := []string{"PATH=" + os.Getenv("PATH"), "NODE_CHANNEL_FD=3", "NODE_CHANNEL_SERIALIZATION_MODE=json"}
	if mode != "" {
		f := &File{path: filepath.Join(dir, "preload.cjs")}
		path, err := f.Ready()
		require.NoError(t, err)
		args = append(args, "--require", path)
		env = append(env, Variable+"="+mode)
	}
	p.cmd = exec.Command(node, append(append(args, nodeArgs...), file, "one", "two")...)
	p.cmd.Env, p.cmd.ExtraFiles = env, []*os.File{theirs}
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	require.NoError(t, p.cmd.Start())
	theirs.Close()
	go func() { p.exited <- p.cmd.Wait() }() // ends with the program
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		p.conn.Close()
	})
	p.in = bufio.NewScanner(p.conn)
	p.in.Buffer(nil, 16<<20)
	return p
}

// told returns the data of the next message of a type; other messages are skipped.
func (p *program) told(kind string) map[string]any {
	p.t.Helper()
	for p.in.Scan() {
		var m struct {
			Type string
			Data map[string]any
		}
		if json.Unmarshal(p.in.Bytes(), &m) == nil && m.Type == kind {
			return m.Data
		}
	}
	p.t.Fatalf("no %s: %v\n%s%s", kind, p.in.Err(), p.stdout.String(), p.stderr.String())
	return nil
}

func (p *program) send(message string) {
	p.t.Helper()
	_, err := fmt.Fprintln(p.conn, message)
	require.NoError(p.t, err)
}

func (p *program) end() error {
	p.t.Helper()
	select {
	case err := <-p.exited:
		return err
	case <-time.After(60 * time.Second):
		p.t.Fatalf("it does not end\n%s%s", p.stdout.String(), p.stderr.String())
		return nil
	}
}

const itself = `
const seen = {
  argv: process.argv.slice(2), file: process.argv[1] === %[1]s, execArgv: process.execArgv, title: process.title,
  main: %[2]s, variables: Object.keys(process.env).filter((k) => /WEAVER|NODE/.test(k)), connected: process.connected,
  listeners: ['message', 'disconnect', 'exit', 'uncaughtException', 'SIGINT', 'beforeExit'].map((e) => process.listenerCount(e)),
  globals: Object.keys(globalThis), cached: %[3]s,
};
console.log(JSON.stringify(seen));
`

// TestNothingShows compares what a program sees with and without the script.
func TestNothingShows(t *testing.T) {
	for ending, source := range map[string]string{
		".cjs": fmt.Sprintf(itself, "__filename", "require.main === module && process.mainModule === module && module.parent", "Object.keys(require.cache).length"),
		".mjs": "import { fileURLToPath } from 'url';\n" + fmt.Sprintf(itself, "fileURLToPath(import.meta.url)", "true", "0"),
	} {
		t.Run(ending, func(t *testing.T) {
			var said [2]string
			for i, mode := range []string{"", "1"} {
				begin := time.Now()
				p := run(t, ending, mode, source, "--no-warnings")
				require.NoError(t, p.end(), "it ends by itself when it is done")
				atOnce := time.Since(begin) < 200*time.Millisecond // else there may be something to tell
				said[i] = p.stdout.String()
				assert.Empty(t, p.stderr.String())
				assert.False(t, p.in.Scan() && atOnce, "a program that is done at once tells nothing, and does not wait for it: %s", p.in.Text())
			}
			assert.Equal(t, said[0], said[1])
			assert.Contains(t, said[1], `"argv":["one","two"],"file":true,"execArgv":["--no-warnings"]`)
		})
	}
}

func TestChildrenAreTheirOwnAffair(t *testing.T) {
	p := run(t, ".cjs", "1", `
if (process.argv[2] === 'child') {
  process.send('child ' + JSON.stringify([process.execArgv, 'WEAVER_PRELOAD' in process.env]));
  setTimeout(() => process.disconnect(), 500); // longer than the first report takes
} else {
  const { fork } = require('child_process'), { Worker } = require('worker_threads');
  const got = [];
  fork(__filename, ['child']).on('message', (m) => got.push(m)).on('exit', () => new Worker('1', { eval: true }).on('exit', () => { console.log(JSON.stringify(got)); process.exit(); }));
}`)
	require.NoError(t, p.end(), p.stderr.String())
	assert.Equal(t, `["child [[],false]"]`+"\n", p.stdout.String())
}

func TestFiguresOfAServer(t *testing.T) {
	p := run(t, ".cjs", "1", `
const http = require('http');
const server = http.createServer((q, s) => setTimeout(() => s.end('x'), 5)).listen(0, '127.0.0.1', function ask() {
  http.get({ port: server.address().port }, (r) => r.resume().on('end', ask));
});`)
	assert.Equal(t, map[string]any{"action_name": "km:heapdump", "action_type": "internal", "arity": 2.0}, p.told("axm:action"))
	assert.Equal(t, "weaver", p.told("weaver:options")["apm"].(map[string]any)["type"])
	all := map[string]any{}
	for _, ok := all["Event Loop Latency p95"]; !ok || all["HTTP"] == nil; _, ok = all["Event Loop Latency p95"] {
		for name, m := range p.told("axm:monitor") {
			all[name] = m
		}
	}
	for name, want := range map[string][2]string{
		"Heap Size": {"internal/v8/heap/total", "MiB"}, "Heap Usage": {"internal/v8/heap/usage", "%"}, "Used Heap Size": {"internal/v8/heap/used", "MiB"},
		"Active requests": {"internal/libuv/requests", ""}, "Active handles": {"internal/libuv/handles", ""},
		"Event Loop Latency": {"internal/libuv/latency/p50", "ms"}, "Event Loop Latency p95": {"internal/libuv/latency/p95", "ms"},
		"HTTP": {"internal/http/builtin/reqs", "req/min"}, "HTTP Mean Latency": {"internal/http/builtin/latency/p50", "ms"},
		"HTTP P95 Latency": {"internal/http/builtin/latency/p95", "ms"},
	} {
		m, ok := all[name].(map[string]any)
		require.True(t, ok, name)
		assert.Equal(t, want[0], m["type"], name)
		assert.Equal(t, true, m["historic"], name)
		if want[1] != "" {
			assert.Equal(t, want[1], m["unit"], name)
		} else {
			assert.NotContains(t, m, "unit", name)
		}
	}
	assert.Greater(t, all["HTTP"].(map[string]any)["value"], 60.0, "requests a minute")
	assert.GreaterOrEqual(t, all["HTTP Mean Latency"].(map[string]any)["value"], 4.0, "each takes five milliseconds")
}

// TestFiguresOfALibraryAreLeftToIt: what was told before it was there is taken back.
func TestFiguresOfALibraryAreLeftToIt(t *testing.T) {
	p := run(t, ".cjs", "1", `
process.on('message', () => { globalThis[Symbol.for('@pm2/io')] = {}; });
`)
	assert.Contains(t, p.told("axm:monitor"), "Heap Size")
	p.send(`"now"`)
	assert.Contains(t, p.told("weaver:withdrawn"), "Heap Size")
	p.conn.Close()
	require.NoError(t, p.end())

	p = run(t, ".cjs", "1,worker", `
globalThis[Symbol.for('@pm2/io')] = {};
process.on('message', () => process.exit());
process.send(parseInt(process.versions.node));
`)
	require.True(t, p.in.Scan())
	first := p.in.Text() // of Nodes to whose names of sockets zeros belong
	if first[0] == '{' {
		require.True(t, p.in.Scan())
	}
	major, err := strconv.Atoi(p.in.Text())
	require.NoError(t, err)
	assert.Equal(t, major < 22, first == `{"cmd":"NODE_CLUSTER","act":"pads"}`, first)
	assert.Equal(t, true, p.told("weaver:options")["error"])
	p.send(`"end"`)
	require.NoError(t, p.end())
	for p.in.Scan() {
		assert.NotContains(t, p.in.Text(), "axm:monitor")
	}
}

func TestExceptionsAreToldAndEndTheProgramAsEver(t *testing.T) {
	p := run(t, ".cjs", "1", "setTimeout(() => {\n  throw new TypeError('boom');\n}, 10);\nsetInterval(() => {}, 1000);\n")
	e := p.told("process:exception")
	assert.Equal(t, "boom", e["message"])
	assert.Equal(t, "TypeError", e["name"])
	assert.Contains(t, e["stack"], "TypeError: boom\n    at ")
	assert.Contains(t, e["context"], "throw new TypeError('boom')")
	assert.True(t, strings.HasSuffix(e["callsite"].(string), "app.cjs:2"), e["callsite"])
	require.Error(t, p.end())
	assert.Equal(t, 1, p.cmd.ProcessState.ExitCode())
	assert.Contains(t, p.stderr.String(), "TypeError: boom")
}

const rejecting = `
setTimeout(() => Promise.reject(new Error('nope')), 10);
process.on('message', () => { console.log('still here'); process.exit(7); });
`

func TestRejectionsArePrintedAndTheProgramGoesOn(t *testing.T) {
	p := run(t, ".cjs", "1", rejecting)
	assert.Equal(t, "nope", p.told("process:exception")["message"])
	p.send(`"hello"`)
	require.Error(t, p.end())
	assert.Equal(t, 7, p.cmd.ProcessState.ExitCode(), p.stderr.String())
	assert.Contains(t, p.stderr.String(), "Error: nope\n    at ")

	for name, mode := range map[string]string{"as asked": Mode(&app.Spec{UnhandledRejections: "node"}), "without the script": ""} {
		p := run(t, ".cjs", mode, rejecting)
		require.Error(t, p.end(), name)
		assert.Equal(t, 1, p.cmd.ProcessState.ExitCode(), name)
	}
	p = run(t, ".cjs", "1", rejecting, "--unhandled-rejections=strict")
	require.Error(t, p.end())
	assert.Equal(t, 1, p.cmd.ProcessState.ExitCode(), "who chose a way has it")

	p = run(t, ".cjs", "1", `
process.on('unhandledRejection', (err) => { console.log('mine: ' + err.message); process.exit(5); });`+rejecting)
	require.Error(t, p.end())
	assert.Equal(t, 5, p.cmd.ProcessState.ExitCode())
	assert.Equal(t, "mine: nope\n", p.stdout.String())
	assert.Empty(t, p.stderr.String(), "who handles them has no other way beside")
}

func TestAProfileIsWrittenAndReplacesNothing(t *testing.T) {
	p := run(t, ".cjs", "1", "setInterval(() => {}, 1000);")
	for _, kind := range []string{"cpu", "heap"} {
		file := filepath.Join(t.TempDir(), kind)
		p.send(fmt.Sprintf(`{"cmd":"NODE_WEAVER","msg":"weaver:profile","opts":{"kind":%q,"ms":50,"file":%q}}`, kind, file))
		result := p.told("axm:reply")["return"].(map[string]any)
		require.Equal(t, true, result["success"], result)
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.True(t, json.Valid(data))
		p.send(fmt.Sprintf(`{"cmd":"NODE_WEAVER","msg":"weaver:profile","opts":{"kind":%q,"ms":1,"file":%q}}`, kind, file))
		result = p.told("axm:reply")["return"].(map[string]any)
		assert.Equal(t, false, result["success"])
		assert.Contains(t, result["err"], "EEXIST")
	}
	p.send(`{"cmd":"NODE_WEAVER","msg":"nope"}`)
	assert.Equal(t, "there is no action nope", p.told("axm:reply")["return"].(map[string]any)["err"])
}

func TestWhoIsLookedInto(t *testing.T) {
	off := false
	for _, tc := range []struct {
		spec app.Spec
		want bool
	}{
		{app.Spec{Interpreter: "node"}, true},
		{app.Spec{Interpreter: "/opt/node-22/bin/node"}, true},
		{app.Spec{Interpreter: "node", PMX: &off}, false},
		{app.Spec{Interpreter: "node", InterpreterArgs: []string{"--permission"}}, false},
		{app.Spec{Interpreter: "bun"}, false},
		{app.Spec{Interpreter: "python3"}, false},
		{app.Spec{Interpreter: "none"}, false},
	} {
		assert.Equal(t, tc.want, Wanted(&tc.spec), tc.spec.Interpreter, tc.spec.InterpreterArgs)
	}
	assert.Equal(t, "1,source-maps", Mode(&app.Spec{Interpreter: "node"}))
	assert.Equal(t, "1", Mode(&app.Spec{Interpreter: "node", DisableSourceMaps: true}))
	assert.Equal(t, "1", Mode(&app.Spec{Interpreter: "node", SourceMaps: &off}))
	assert.Equal(t, "1,worker", Mode(&app.Spec{Interpreter: "node", DisableSourceMaps: true, Mode: app.Cluster}))
	on := true
	assert.False(t, SourceMaps(&app.Spec{Interpreter: "node", PMX: &off}), "it is left alone")
	assert.True(t, SourceMaps(&app.Spec{Interpreter: "node", PMX: &off, SourceMaps: &on}))
	f := &File{path: "x"}
	assert.False(t, f.ReadableBy(&app.Spec{User: "www-data"}))
	assert.True(t, f.ReadableBy(&app.Spec{}))
}

func TestTheScriptIsThereWhenItIsNeeded(t *testing.T) {
	f := &File{path: filepath.Join(t.TempDir(), "p.cjs")}
	for _, harm := range []func(){
		func() {}, func() { os.Remove(f.path) }, func() { os.WriteFile(f.path, []byte("another"), 0o600) },
		func() { os.WriteFile(f.path+".new", []byte("half"), 0o600) },
	} {
		harm()
		path, err := f.Ready()
		require.NoError(t, err)
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, script, data)
	}
	f.Remove()
	assert.NoFileExists(t, f.path)
	_, err := (&File{path: filepath.Join(t.TempDir(), "no", "p.cjs")}).Ready()
	assert.ErrorContains(t, err, "write the preload")
}
