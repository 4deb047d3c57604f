package daemon

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/api"
)

// freeAddress is one of this machine that nobody listens on, and its port none of those that connections get.
func freeAddress(t *testing.T) string {
	t.Helper()
	for {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(10000+rand.IntN(20000)))
		if l, err := net.Listen("tcp", address); err == nil {
			require.NoError(t, l.Close())
			return address
		}
	}
}

// asked is what a TCP door answers; 0 is that nobody is there.
func asked(t *testing.T, method, address, path string, change func(*http.Request)) (code int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+address+path, nil)
	require.NoError(t, err)
	req.Close = true
	if change != nil {
		change(req)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(data)
}

func setMetrics(t *testing.T, c *api.Client, address string) error {
	t.Helper()
	_, err := c.Settings(t.Context(), map[string]string{"metrics.listen": address})
	return err
}

func TestMetricsAreServedByTCPWhereASettingSaysSo(t *testing.T) {
	h, c := serve(t)
	start(t, c, sleeper(`a "quoted" \ name`))
	address := freeAddress(t)
	require.NoError(t, setMetrics(t, c, address))

	code, body := asked(t, "GET", address, "/metrics", nil)
	require.Equal(t, 200, code)
	assert.Contains(t, body, `weaver_service_up{service="a \"quoted\" \\ name"} 1`)
	onSocket, err := io.ReadAll(request(t, h, "GET", "/metrics", nil, nil).Body)
	require.NoError(t, err)
	assert.Contains(t, string(onSocket), "# TYPE weaver_service_up gauge", "and always by the API's socket")

	for path, want := range map[string]int{"/": 404, api.PathPing: 404, api.PathSettings: 404, api.PathKill: 404, "/metrics/": 404, "/metrics?x=1": 200} {
		code, _ = asked(t, "GET", address, path, nil)
		assert.Equal(t, want, code, path)
	}
	code, _ = asked(t, "POST", address, "/metrics", nil)
	assert.Equal(t, 405, code)
	code, body = asked(t, "HEAD", address, "/metrics", nil)
	assert.Equal(t, 200, code)
	assert.Empty(t, body)
	for name, change := range map[string]func(*http.Request){
		"a page asks":                    func(r *http.Request) { r.Header.Set("Origin", "https://example.com") },
		"a page's link":                  func(r *http.Request) { r.Header.Set("Referer", "https://example.com/x") },
		"a name that leads here":         func(r *http.Request) { r.Host = "rebound.example.com" },
		"a name that leads here, a port": func(r *http.Request) { r.Host = "rebound.example.com:9209" },
	} {
		code, body = asked(t, "GET", address, "/metrics", change)
		assert.Equal(t, 403, code, name)
		assert.NotContains(t, body, "weaver_service_up", name)
	}

	other := freeAddress(t)
	require.NoError(t, setMetrics(t, c, other))
	code, _ = asked(t, "GET", other, "/metrics", nil)
	assert.Equal(t, 200, code)
	code, _ = asked(t, "GET", address, "/metrics", nil)
	assert.Zero(t, code, "the former door is closed")
	_, port, _ := net.SplitHostPort(other)
	require.NoError(t, setMetrics(t, c, ":"+port), "the same port for everybody")
	code, _ = asked(t, "GET", other, "/metrics", func(r *http.Request) { r.Host = "this.machine" })
	assert.Equal(t, 200, code, "who opens it to others has it asked for by name")
	require.NoError(t, setMetrics(t, c, ""))
	code, _ = asked(t, "GET", other, "/metrics", nil)
	assert.Zero(t, code, "off again")
}

func TestAnAddressForMetricsThatCannotBeChangesNothing(t *testing.T) {
	_, c := serve(t)
	address := freeAddress(t)
	require.NoError(t, setMetrics(t, c, address))
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	for _, bad := range []string{taken.Addr().String(), "nowhere", "127.0.0.1:0", "127.0.0.1:99999", "256.1.1.1:9209"} {
		assert.Error(t, setMetrics(t, c, bad), bad)
	}
	s, err := c.Settings(t.Context(), nil)
	require.NoError(t, err)
	assert.Equal(t, address, s["metrics.listen"])
	code, _ := asked(t, "GET", address, "/metrics", nil)
	assert.Equal(t, 200, code, "it is served where it was")
}

// TestMetricsAreServedOnceTheirPortIsFree starts a daemon whose port somebody else has for a while.
func TestMetricsAreServedOnceTheirPortIsFree(t *testing.T) {
	h, _ := serve(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := taken.Addr().String()
	d := &daemon{home: h}
	e := &d.exposer
	log, _, closeLog := openLog(h.Dir+"/other.log", false)
	defer closeLog()
	answer := func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "here") }
	require.Error(t, e.want(address, answer, log))
	assert.False(t, e.retry(answer, log))
	require.NoError(t, taken.Close())
	require.Eventually(t, func() bool { return e.retry(answer, log) }, 60*time.Second, time.Millisecond)
	_, body := asked(t, "GET", address, "/metrics", nil)
	assert.Equal(t, "here", body)
	assert.False(t, e.retry(answer, log), "it is served")
	e.end()
	assert.False(t, e.retry(answer, log), "it is not asked for any more")
	code, _ := asked(t, "GET", address, "/metrics", nil)
	assert.Zero(t, code)
}

// TestConnectionsForMetricsAreFew opens more than are let in: the others wait until one goes.
func TestConnectionsForMetricsAreFew(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	few := &fewConns{Listener: l, free: make(chan struct{}, 1)}
	accepted := make(chan net.Conn)
	go func() { // ends with the listener
		for {
			c, err := few.Accept()
			if err != nil {
				close(accepted)
				return
			}
			accepted <- c
		}
	}()
	for range 2 {
		c, err := net.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		defer c.Close()
	}
	first := <-accepted
	select {
	case <-accepted:
		t.Fatal("a second one was let in")
	default:
	}
	assert.Len(t, few.free, 1)
	first.Close()
	first.Close()
	second := <-accepted
	l.Close()
	second.Close()
	<-accepted
	assert.Empty(t, few.free, "closing twice counts once")
}

func TestPromtoolAcceptsTheMetrics(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed (Debian: prometheus)")
	}
	_, c := serve(t)
	start(t, c, sleeper("one"), sleeper(`t"w\o`), sleeper("three\nlines"))
	address := freeAddress(t)
	require.NoError(t, setMetrics(t, c, address))
	_, body := asked(t, "GET", address, "/metrics", nil)
	check := func(text string) (string, error) {
		var said bytes.Buffer
		cmd := exec.Command(promtool, "check", "metrics")
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(text), &said, &said
		err := cmd.Run()
		return said.String(), err
	}
	said, err := check(body)
	require.NoError(t, err, "%s\n%s", said, body)
	assert.Empty(t, said)
	_, err = check(strings.Replace(body, "# TYPE weaver_service_up gauge", "# TYPE weaver_service_up counter", 1))
	assert.Error(t, err, "it looks")
}

// Prometheus asks for the formats that it reads fastest, and gets them.
func TestMetricsComeInTheFormatThatIsAskedFor(t *testing.T) {
	_, c := serve(t)
	start(t, c, sleeper("web"))
	address := freeAddress(t)
	require.NoError(t, setMetrics(t, c, address))
	as := func(accept string) string {
		code, body := asked(t, "GET", address, "/metrics", func(r *http.Request) { r.Header.Set("Accept", accept) })
		require.Equal(t, 200, code)
		return body
	}
	for _, accept := range []string{"", "*/*", "text/html", "text/plain;version=0.0.4"} {
		body := as(accept)
		assert.True(t, strings.HasPrefix(body, "# HELP weaver_service_up "), accept)
		assert.NotContains(t, body, "# EOF", accept)
	}
	open := as("application/openmetrics-text;version=1.0.0")
	assert.Contains(t, open, `weaver_service_restarts_total{service="web"} 0.0`)
	assert.True(t, strings.HasSuffix(open, "\n# EOF\n"))

	binary := "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
	d := expfmt.NewDecoder(strings.NewReader(as(binary)), expfmt.NewFormat(expfmt.TypeProtoDelim))
	var first dto.MetricFamily
	require.NoError(t, d.Decode(&first))
	assert.Equal(t, "weaver_service_up", first.GetName())
	assert.Equal(t, "web", first.Metric[0].Label[0].GetValue())
}
