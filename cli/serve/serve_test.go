package serve

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func site(t *testing.T) string {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"index.html": "<p>home", "a.css": "css", "noext": "plain", "sub/index.html": "sub", "bare/x.txt": "x", "bare/.hidden": "h",
		"a b&c.txt": "odd", "../outside.txt": "secret",
	} {
		path := filepath.Join(dir, "www", name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	return filepath.Join(dir, "www")
}

// get asks without cleaning the path first, as a client that means harm.
func get(h http.Handler, method, target string, auth ...string) (int, string, http.Header) {
	r := httptest.NewRequest(method, "/", nil)
	r.URL.Path = target
	if len(auth) == 2 {
		r.SetBasicAuth(auth[0], auth[1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String(), w.Header()
}

func TestFilesAsPM2ServesThem(t *testing.T) {
	h := Handler(Options{Dir: site(t), Home: "index.html"})
	for _, row := range []struct {
		path   string
		status int
		body   string
		kind   string
	}{
		{"/", 200, "<p>home", "text/html"},
		{"/index.html", 200, "<p>home", "text/html"},
		{"/a.css", 200, "css", "text/css"},
		{"/noext", 200, "plain", "text/plain"},
		{"/sub/", 200, "sub", "text/html"},
		{"/a b&c.txt", 200, "odd", "text/plain"},
		{"/nope", 404, "404 Not Found", "text/html"},
		{"/noext/deeper", 404, "404 Not Found", "text/html"},
		{"/bare/", 404, "404 Not Found", "text/html"},
		{"/../outside.txt", 403, "403 Forbidden", "text/plain"},
		{"/sub/../../outside.txt", 403, "403 Forbidden", "text/plain"},
		{`/..\outside.txt`, 403, "403 Forbidden", "text/plain"},
		{"/a\x00", 403, "403 Forbidden", "text/plain"},
	} {
		status, body, head := get(h, "GET", row.path)
		assert.Equal(t, row.status, status, "%q", row.path)
		assert.Equal(t, row.body, body, "%q", row.path)
		assert.True(t, strings.HasPrefix(head.Get("Content-Type"), row.kind), "%q: %s", row.path, head.Get("Content-Type"))
		if status == 200 {
			assert.Equal(t, "*", head.Get("Access-Control-Allow-Origin"))
		}
	}
	status, _, _ := get(h, "POST", "/")
	assert.Equal(t, 405, status)
}

func TestASinglePageAppGetsItsPage(t *testing.T) {
	dir := site(t)
	h := Handler(Options{Dir: dir, Home: "index.html", SPA: true})
	status, body, _ := get(h, "GET", "/some/route")
	assert.Equal(t, 200, status)
	assert.Equal(t, "<p>home", body)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "404.html"), []byte("gone"), 0o644))
	status, body, _ = get(Handler(Options{Dir: dir, Home: "index.html"}), "GET", "/some/route")
	assert.Equal(t, 404, status)
	assert.Equal(t, "gone", body)
}

func TestListing(t *testing.T) {
	h := Handler(Options{Dir: site(t), Home: "index.html", List: true})
	status, body, _ := get(h, "GET", "/bare")
	assert.Equal(t, 200, status)
	assert.Contains(t, body, `<a href="/bare/x.txt">x.txt</a>`)
	assert.NotContains(t, body, "hidden")
	assert.Contains(t, body, `<a href="../">`)
}

func TestBasicAuthentication(t *testing.T) {
	h := Handler(Options{Dir: site(t), Home: "index.html", Username: "u", Password: "p"})
	for _, row := range []struct {
		auth []string
		want int
	}{{nil, 401}, {[]string{"u", "x"}, 401}, {[]string{"x", "p"}, 401}, {[]string{"u", "p"}, 200}} {
		status, _, head := get(h, "GET", "/", row.auth...)
		assert.Equal(t, row.want, status, row.auth)
		assert.Equal(t, row.want == 401, head.Get("WWW-Authenticate") != "")
	}
}

func TestTheEnvironmentSaysWhat(t *testing.T) {
	dir := site(t)
	env := map[string]string{
		"PM2_SERVE_PATH": dir, "PM2_SERVE_PORT": "1234", "PM2_SERVE_SPA": "true", "PM2_SERVE_BASIC_AUTH": "true",
		"PM2_SERVE_BASIC_AUTH_USERNAME": "u", "PM2_SERVE_BASIC_AUTH_PASSWORD": "p",
	}
	o, err := FromEnv(func(n string) string { return env[n] })
	require.NoError(t, err)
	assert.Equal(t, Options{Dir: dir, Port: "1234", SPA: true, Home: "index.html", Username: "u", Password: "p"}, o)
	env["PM2_SERVE_BASIC_AUTH_PASSWORD"] = ""
	_, err = FromEnv(func(n string) string { return env[n] })
	assert.Error(t, err, "an empty password admits nobody by mistake")
	env = map[string]string{"PM2_SERVE_PATH": dir + "/nope"}
	_, err = FromEnv(func(n string) string { return env[n] })
	assert.Error(t, err)
}

func TestRunEndsInOrder(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	said := make(chan string, 1)
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, Options{Dir: site(t), Host: "127.0.0.1", Port: "0", Home: "index.html"}, func(f string, a ...any) { said <- fmt.Sprintf(f, a...) })
	}()
	line := <-said
	resp, err := http.Get("http://" + line[strings.LastIndexByte(line, ' ')+1:])
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	resp.Body.Close()
	assert.Equal(t, "<p>home", string(body))
	cancel()
	require.NoError(t, <-done)
	http.DefaultClient.CloseIdleConnections()
}

func FuzzPath(f *testing.F) {
	f.Add("/../outside.txt")
	f.Add("/%2e%2e/outside.txt")
	dir := f.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "outside.txt"), []byte("secret"), 0o600); err != nil {
		f.Fatal(err)
	}
	root := filepath.Join(dir, "www")
	if err := os.MkdirAll(root, 0o755); err != nil {
		f.Fatal(err)
	}
	h := Handler(Options{Dir: root, Home: "index.html", List: true})
	f.Fuzz(func(t *testing.T, path string) {
		_, body, _ := get(h, "GET", path)
		if strings.Contains(body, "secret") {
			t.Fatalf("%q leaves the directory", path)
		}
	})
}
