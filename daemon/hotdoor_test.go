package daemon

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func hotGet(verb string) string { return "GET /v1/hot/" + verb + " HTTP/1.1\r\nHost: weaver\r\n\r\n" }

func hotPost(verb string) string {
	return "POST /v1/hot/" + verb + " HTTP/1.1\r\nHost: weaver\r\nContent-Length: 0\r\n\r\n"
}

func TestParseHot(t *testing.T) {
	r, n, err := parseHot([]byte(hotGet("list?a=x%20y&w=80&c=1&f=m") + "GET /"))
	require.NoError(t, err)
	assert.Equal(t, len(hotGet("list?a=x%20y&w=80&c=1&f=m")), n)
	assert.Equal(t, hotRequest{verb: "list", query: hotQuery{args: []string{"x y"}, width: 80, color: true, mini: true, flags: []string{"m"}}}, r)
	r, _, err = parseHot([]byte(hotPost("stop?a=x&l=1")))
	require.NoError(t, err)
	assert.Equal(t, hotRequest{verb: "stop", acts: true, query: hotQuery{args: []string{"x"}, locked: true}}, r)

	whole := hotPost("restart?a=web&w=0&c=0&p=weaver")
	for i := range whole {
		_, _, err := parseHot([]byte(whole[:i]))
		assert.ErrorIs(t, err, errHalf, "%q", whole[:i])
	}
	for _, other := range []string{
		"GET /v1/ping HTTP/1.1\r\nHost: weaver\r\n\r\n",
		"PUT /v1/hot/list HTTP/1.1\r\nHost: weaver\r\n\r\n",
		"x",
		strings.Replace(hotGet("list"), "weaver", "evil.example", 1),
		strings.Replace(hotGet("list"), "weaver\r\n", "weaver\r\nOrigin: http://evil.example\r\n", 1),
		strings.Replace(hotGet("list"), "1.1", "1.0", 1),
		strings.Replace(hotPost("stop?a=x"), ": 0", ": 5", 1),
		hotGet("list?a=%zz"), hotGet("list/x"), hotGet("List"), hotGet("list?a=x y"),
	} {
		_, _, err := parseHot([]byte(other))
		assert.ErrorIs(t, err, errForeign, "%q", other)
	}
}

// Whatever the thin front end may send is answered alike by both ways in: straight, and through net/http.
func TestHotDoorAnswersAsNetHTTPDoes(t *testing.T) {
	h, c := serve(t)
	start(t, c, sleeper("web"), sleeper("api"))
	for _, ask := range []string{
		hotGet("ping"), hotGet("list?w=100&c=0"), hotGet("list?f=json"), hotGet("jlist"), hotGet("pid?a=web"), hotGet("id?a=api"),
		hotGet("resolve?a=all"), hotGet("resolve?a=nobody"), hotGet("nothing"), hotPost("stop?a=nobody&w=0&c=0"),
		hotPost("stop?a=web&w=0&c=0"), hotPost("stop?a=all&l=1"),
	} {
		quick := talk(t, h.Socket(), ask)
		slow := talk(t, h.Socket(), strings.Replace(ask, "Host: weaver", "Host: localhost", 1))
		for _, volatile := range []string{"Date", "Content-Type"} {
			quick.Header.Del(volatile)
			slow.Header.Del(volatile)
		}
		assert.Equal(t, slow.StatusCode, quick.StatusCode, ask)
		if slow.StatusCode == http.StatusOK && !strings.Contains(ask, "list") { // which has times in it
			assert.Equal(t, slow.Header, quick.Header, ask)
			assert.Equal(t, slow.body, quick.body, ask)
		}
	}
}

type told struct {
	*http.Response
	body string
}

func talk(t *testing.T, socket, ask string) told {
	t.Helper()
	c, err := net.Dial("unix", socket)
	require.NoError(t, err)
	defer c.Close()
	_, err = io.WriteString(c, ask)
	require.NoError(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return told{resp, string(body)}
}

// A connection takes any number of requests, in pieces, and turns to net/http in the middle when it must.
func TestHotDoorServesOneAfterTheOther(t *testing.T) {
	h, _ := serve(t)
	c, err := net.Dial("unix", h.Socket())
	require.NoError(t, err)
	defer c.Close()
	r := bufio.NewReader(c)
	for _, part := range []string{"G", "ET /v1/hot/ping HTTP/1.1\r\nHost: wea", "ver\r\n\r\n" + hotGet("ping") + hotGet("pi")[:14]} {
		_, err = io.WriteString(c, part)
		require.NoError(t, err)
	}
	ok := func() {
		resp, err := http.ReadResponse(r, nil)
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		assert.Equal(t, http.StatusOK, resp.StatusCode)
		assert.Contains(t, string(body), "pong")
	}
	ok()
	ok()
	_, err = io.WriteString(c, hotGet("ping")[14:])
	require.NoError(t, err)
	ok()
	_, err = io.WriteString(c, strings.Replace(hotGet("ping"), "Host", "X-Other: 1\r\nHost", 1))
	require.NoError(t, err)
	ok()
}

func TestListIsSortedAsAsked(t *testing.T) {
	h, c := serve(t)
	start(t, c, sleeper("aa"), sleeper("bb"))
	for order, first := range map[string]string{"": "aa", "name:desc": "bb", "id": "aa"} {
		text := talk(t, h.Socket(), hotGet("list?w=0&c=0&f=sort%3D"+order)).body
		other := map[string]string{"aa": "bb", "bb": "aa"}[first]
		assert.Less(t, strings.Index(text, first), strings.Index(text, other), "sorted by %q:\n%s", order, text)
	}
}
