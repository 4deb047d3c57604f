package hot

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		line, verb, args, flags string
		noColor, noLock         bool
	}{
		{line: "list", verb: "list"},
		{line: "--no-color ps -m", verb: "list", flags: "mini-list", noColor: true},
		{line: "id web", verb: "id", args: "web"},
		{line: "pid", verb: "pid"},
		{line: "pid web", verb: "pid", args: "web"},
		{line: "stop web 0 all --no-lock", verb: "stop", args: "web 0 all", noLock: true},
		{line: "del web", verb: "delete", args: "web"},
		{line: "stop app.js", verb: "stop", args: "app.js"}, // the daemon knows whether an app has this name
		{line: "ping --json", verb: "ping", flags: "json"},
	} {
		r, ok := parse(strings.Fields(c.line))
		require.True(t, ok, c.line)
		assert.Equal(t, c.verb, r.form.verb, c.line)
		assert.Equal(t, c.args, strings.Join(r.args, " "), c.line)
		assert.Equal(t, c.flags, strings.Join(r.flags, " "), c.line)
		assert.Equal(t, c.noColor, r.noColor, c.line)
		assert.Equal(t, c.noLock, r.noLock, c.line)
	}
}

func TestWhatIsNotHot(t *testing.T) {
	for _, line := range []string{
		"list --sort name", "list -h", "list --help", "list --watch", "stop", "stop -h", "stop web -f", "stop -1",
		"stop -", "stop web --", "start web -- --port 1", "restart web -- x", "stop ./web", "stop /web/", "start app.js",
		"stop eco.json", "stop eco.config.js", "stop eco.yaml", "stop eco.yml", "start", "describe a b", "id", "id a b", "pid a b",
		"ping web", "kill", "nonsense", "-m", "list --mini-list=true", "stop a\x00b", "stop a\nb", `stop a\b`, "version",
		"stop " + strings.Repeat("x", maxArgs), "--no-lock list", "help stop",
	} {
		_, ok := parse(strings.Split(line, " "))
		assert.False(t, ok, line)
	}
	_, ok := parse([]string{"stop", ""})
	assert.False(t, ok, "an empty word")
}

func TestSwitchesThatOnlyTheFullFrontEndKnows(t *testing.T) {
	for _, name := range bypass {
		tr := try{version: "1", argv: []string{"weaver", "--version"}, env: []string{name + "=1"}, stdout: -1, stderr: -1}
		_, handled := tr.run()
		assert.False(t, handled, name)
	}
}

// The table comes from a generator, so what the parser takes for granted is checked here.
func TestTableIsSound(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range forms {
		require.NotEmpty(t, f.words)
		assert.Equal(t, f.verb, string(escape(nil, f.verb)))
		for _, w := range f.words {
			assert.False(t, seen[w], "%s twice", w)
			seen[w] = true
			assert.False(t, strings.HasPrefix(w, "-"), w)
		}
		for _, fl := range f.flags {
			assert.True(t, strings.HasPrefix(fl.spelling, "-") && len(fl.spelling) > 1, fl.spelling)
			assert.NotEmpty(t, fl.name)
		}
		assert.True(t, f.max < 0 || f.min <= f.max, "%+v", f)
	}
}

func TestLockName(t *testing.T) {
	for app, want := range map[string]string{
		"web": "web", "Web_1-a.b": "Web_1-a.b", "a/b": "a%2Fb", "../x": "%2E.%2Fx", "..": "%2E.", ".": "%2E", "a b": "a%20b",
		"é": "%C3%A9", "100%": "100%25", "a\nb": "a%0Ab", "": "", "~": "%7E",
	} {
		assert.Equal(t, want, LockName(app), app)
	}
	long := strings.Repeat("é", 100)
	a, b := LockName(long+"a"), LockName(long+"b")
	assert.NotEqual(t, a, b)
	assert.LessOrEqual(t, len(a), 200)
	assert.Equal(t, a, LockName(long+"a"))
}

func TestHeadThatDoesNotEnd(t *testing.T) {
	text := "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("y", maxHead)
	_, _, err := parseHead([]byte(text[:maxHead]))
	assert.Equal(t, errShort, err)
	_, _, err = parseHead([]byte(text))
	assert.Equal(t, errOdd, err)
}

func FuzzLockName(f *testing.F) {
	f.Add("web", "a/b")
	f.Add(strings.Repeat("x", 300), ".")
	f.Fuzz(func(t *testing.T, a, b string) {
		n := LockName(a)
		if len(n) > 200 || strings.ContainsAny(n, "/\x00\n") || strings.HasPrefix(n, ".") {
			t.Fatalf("%q is no name for a file", n)
		}
		if a != b && n == LockName(b) {
			t.Fatalf("%q and %q share %q", a, b, n)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add("list -m")
	f.Add("stop web all --no-lock")
	f.Fuzz(func(t *testing.T, line string) {
		r, ok := parse(strings.Split(line, " "))
		if !ok {
			return
		}
		q := string(query("GET", r.form.verb, r.args, tail(r, "weaver", 80, true)))
		if strings.Count(q, "\n") != 3 || strings.Count(q, " ") != 3 {
			t.Fatalf("%q became another request: %q", line, q)
		}
	})
}

func FuzzHead(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nWeaver-Exit: 0\r\nWeaver-Err: 2\r\nContent-Length: 10\r\n\r\nbody"))
	f.Add([]byte("HTTP/1.0 501 Not Implemented\r\nConnection: close\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, n, err := parseHead(b)
		if err != nil {
			if n != 0 {
				t.Fatal("an error, and a length")
			}
			return
		}
		if n <= 0 || n > len(b) || n > maxHead || h.status < 200 && h.status != 101 || h.exit < -1 || h.exit > 255 ||
			h.length > maxBody || h.status == 200 && (h.errLen < 0 || h.errLen > h.length) {
			t.Fatalf("%+v, %d of %d", h, n, len(b))
		}
		// A head is complete as soon as it can be, and never before.
		if _, _, err := parseHead(b[:n-1]); err != errShort {
			t.Fatalf("one byte less is not incomplete: %v", err)
		}
		if h2, n2, err := parseHead(b[:n]); err != nil || n2 != n || h2 != h {
			t.Fatal("what follows matters")
		}
	})
}
