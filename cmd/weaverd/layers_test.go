package main

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The layers: a package imports rows below its own. Each rule has its reason beside it; a change here is a change of the
// architecture.
var (
	// forbidden are imports, direct or not, that must not be.
	forbidden = []struct{ from, to, why string }{
		{"weaver/cli", "weaver/daemon", "the process that a person typed and the process that stays meet in api"},
		{"weaver/cli", "weaver/supervisor", "the front end asks; it never does"},
		{"weaver/supervisor", "weaver/api", "doors know the supervisor, not the other way round"},
		{"weaver/supervisor", "weaver/config", "specs come in absolute and validated"},
		{"weaver/supervisor", "weaver/daemon", "doors know the supervisor, not the other way round"},
		{"weaver/supervisor", "weaver/cli", "doors know the supervisor, not the other way round"},
		{"weaver/supervisor", "weaver/pm2", "PM2's words stop at the edge"},
		{"weaver/pm2", "weaver/supervisor", "the wall around compatibility sees processes, not who keeps them"},
		{"weaver/pm2", "weaver/api", "the two contracts know nothing of each other"},
		{"weaver/config", "weaver/api", "files and flags become specs without a daemon"},
		{"weaver/cmd/weaver", "net", "the thin executable: half a millisecond for every call"},
		{"weaver/cmd/weaver", "fmt", "the thin executable: it brings reflect, unicode tables and more"},
		{"weaver/cmd/weaver", "encoding/json", "the thin executable: it brings reflect and fmt"},
		{"weaver/cmd/weaver", "weaver/config", "the thin executable: it brings YAML, TOML and fmt"},
		{"weaver/cmd/weaverd", "github.com/dop251/goja", "its init costs every command some milliseconds, and it is hardly ever needed"},
	}
	// only are modules that a single package may import.
	only = []struct{ module, by, why string }{
		{"github.com/shirou/gopsutil", "weaver/procstat", "the portable sampler is behind one interface"},
		{"github.com/urfave/cli", "weaver/cli", "the flag library is a detail of the front end"},
		{"github.com/dop251/goja", "weaver/config/js", "evaluating user code is the front end's, in one place"},
		{"go.uber.org/zap", "weaver/daemon", "only the daemon has a log; the others emit events"},
		{"gopkg.in/natefinch/lumberjack", "weaver/daemon", "only the daemon has a log"},
	}
	// pure are packages that import the listed packages and nothing else.
	pure = map[string]struct {
		allowed []string
		why     string
	}{
		"weaver/supervisor/lifecycle":        {[]string{"slices", "time"}, "what decides cannot do"},
		"weaver/app":                         {nil, "the nouns need nobody"},
		"weaver/supervisor/spawn/trampoline": {nil, "it runs in the child, in the thin executable"},
	}
)

type listed struct {
	ImportPath    string
	Imports, Deps []string
	Standard      bool
}

func packages(t *testing.T) map[string]listed {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,Deps,Standard", "-deps", "weaver/...").Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		require.NoError(t, err, string(exit.Stderr))
	}
	require.NoError(t, err)
	all := map[string]listed{}
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all[p.ImportPath] = p
	}
}

func TestLayers(t *testing.T) {
	all := packages(t)
	require.Contains(t, all, "weaver/cmd/weaverd")
	for _, r := range forbidden {
		p, ok := all[r.from]
		require.True(t, ok, "%s exists", r.from)
		assert.NotContains(t, p.Deps, r.to, "%s imports %s: %s", r.from, r.to, r.why)
	}
	for path, p := range all {
		if !strings.HasPrefix(path, "weaver/") {
			continue
		}
		for _, r := range only {
			if path == r.by || strings.HasPrefix(path, r.by+"/") {
				continue
			}
			for _, i := range p.Imports {
				assert.False(t, strings.HasPrefix(i, r.module), "%s imports %s: %s", path, i, r.why)
			}
		}
	}
	for path, r := range pure {
		p, ok := all[path]
		require.True(t, ok, "%s exists", path)
		for _, i := range p.Imports {
			if r.allowed != nil {
				assert.True(t, slices.Contains(r.allowed, i), "%s imports %s: %s", path, i, r.why)
			} else {
				assert.True(t, all[i].Standard || strings.HasPrefix(i, path+"/"), "%s imports %s: %s", path, i, r.why)
			}
		}
	}
}
