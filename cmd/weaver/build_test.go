//go:build linux

package main

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// built is what the tests need built, once.
var built struct {
	once                  sync.Once
	dir, weaver, hello    string
	err, errHello, errDir error
}

func TestMain(m *testing.M) {
	if os.Getenv("WEAVER_TEST_AS_MAIN") != "" {
		// Nobody asks for this. It links all of weaver into the test's own binary, by whose content go test decides
		// whether a cached result still holds.
		main()
	}
	code := m.Run()
	if built.dir != "" {
		os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

func build(t testing.TB) {
	built.once.Do(func() {
		if built.dir, built.errDir = os.MkdirTemp("", "weaver"); built.errDir != nil {
			return
		}
		compile := func(out string, args ...string) error {
			cmd := exec.Command("go", append([]string{"build", "-o", out}, args...)...)
			cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
			cmd.Stderr = os.Stderr
			return cmd.Run()
		}
		built.weaver, built.hello = built.dir+"/weaver", built.dir+"/hello"
		built.err = compile(built.weaver, "-ldflags=-s -w -X main.version=1.2.3-test", ".")
		src := built.dir + "/hello.go"
		text := "package main\n\nimport \"fmt\"\n\nfunc main() { fmt.Println(\"hello, world\") }\n"
		if built.errHello = os.WriteFile(src, []byte(text), 0o600); built.errHello == nil {
			built.errHello = compile(built.hello, "-ldflags=-s -w", src)
		}
	})
	require.NoError(t, built.errDir)
	require.NoError(t, built.err)
	require.NoError(t, built.errHello)
}

// executable is weaver as it is shipped.
func executable(t testing.TB) string { build(t); return built.weaver }

// helloWorld is the floor: the smallest program that a Go programmer would write.
func helloWorld(t testing.TB) string { build(t); return built.hello }

// table is as long as that of a hundred services.
var table = strings.Repeat(strings.Repeat("│ web ", 17)+"│\n", 120)

// listing runs a daemon that answers everything with text.
func listing(t testing.TB, home, text string) {
	l, err := net.Listen("unix", filepath.Join(home, "weaver.sock"))
	require.NoError(t, err)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Weaver-Exit", "0")
		w.Header().Set("Weaver-Err", "0")
		w.Header().Set("Content-Length", strconv.Itoa(len(text)))
		io.WriteString(w, text)
	}))
	s.Listener.Close()
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
}

func atoi(t testing.TB, s string) int {
	n, err := strconv.Atoi(s)
	require.NoError(t, err)
	return n
}
