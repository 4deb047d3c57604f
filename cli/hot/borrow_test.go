//go:build unix

package hot

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const lends = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: weaver-front\r\n\r\n"

func piece(kind byte, text string) string {
	return string(binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(text)))) + text
}

func exit(code byte) string { return string([]byte{'x', 0, 0, 0, code}) }

// lender is a daemon that answers each command line with given bytes, and hangs up.
func lender(t *testing.T, dir string, answer string) (words chan []string) {
	l, err := net.Listen("unix", filepath.Join(dir, "weaver.sock"))
	require.NoError(t, err)
	words = make(chan []string, 10)
	done := make(chan struct{})
	go func() { // ends with the listener
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r, err := http.ReadRequest(bufio.NewReader(c))
			if err == nil {
				body, _ := io.ReadAll(r.Body)
				words <- append([]string{r.URL.Path, r.URL.Query().Get("o")}, strings.Split(string(body), "\x00")...)
				io.WriteString(c, answer)
			}
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return words
}

func TestLentCommandPrintsWhatTheDaemonSays(t *testing.T) {
	dir := shortDir(t)
	words := lender(t, dir, lends+piece('1', "one\n")+piece('2', "oops\n")+piece('1', strings.Repeat("x", 3*bufSize))+exit(7))
	got := call(t, dir, []string{"A=b"}, "start", "./x.js", "--name", "web", "--", "-", "conf.json")
	assert.Equal(t, outcome{"one\n" + strings.Repeat("x", 3*bufSize), "oops\n", 7, true}, got)
	asked := <-words
	assert.Equal(t, "/v1/front", asked[0])
	assert.True(t, strings.HasSuffix(asked[1], "."), "each of its operations has an id of its own")
	cwd, err := os.Getwd()
	require.NoError(t, err)
	assert.Equal(t, []string{"1.2.3", cwd}, asked[2:4])
	assert.Equal(t, []string{
		"", "", "", "8", "weaver", "start", "./x.js", "--name", "web", "--", "-", "conf.json",
		"WEAVER_HOME=" + dir, "PM2_HOME=" + dir, "A=b", "",
	}, asked[6:])
}

// Files that are data are named by what they are: the daemon must not take another one for them.
func TestConfigFilesThatAreDataAreLent(t *testing.T) {
	dir := shortDir(t)
	words := lender(t, dir, lends+exit(0))
	t.Chdir(dir)
	require.NoError(t, os.WriteFile("a.json", []byte("[]"), 0o600))
	require.NoError(t, os.WriteFile("b.yml", nil, 0o600))
	require.NoError(t, os.WriteFile("big.json", make([]byte, maxLentFile+1), 0o600))
	require.NoError(t, syscall.Mkfifo("pipe.json", 0o600))
	require.NoError(t, os.Mkdir("dir.json", 0o700))
	id := func(name string) string {
		var st syscall.Stat_t
		require.NoError(t, syscall.Stat(name, &st))
		return fmt.Sprint(st.Dev, ":", st.Ino, " ")
	}
	for line, files := range map[string]string{
		"start a.json": id("a.json"), "restart ./b.yml --only x": id("b.yml"), "delete a.json b.yml": id("a.json") + id("b.yml"),
		"startOrReload a.json": id("a.json"), "service start web --config b.yml": id("b.yml"), "logs web --nostream": "",
	} {
		assert.Equal(t, outcome{handled: true}, call(t, dir, nil, strings.Fields(line)...), line)
		assert.Equal(t, files, (<-words)[8], line)
	}
	for _, line := range []string{
		"start big.json", "start pipe.json", "start dir.json", "start none.json", "start a.json none.yml", "restart a.json.bak", "logs web",
	} {
		assert.Equal(t, outcome{}, call(t, dir, nil, strings.Fields(line)...), line)
	}
	assert.Empty(t, words, "the daemon is not asked")
}

// What was begun goes on under the same id in the full front end; what only reads is done again.
func TestLentCommandThatIsCutOffIsLeftToTheFullFrontEnd(t *testing.T) {
	for name, answer := range map[string]string{
		"nothing": "", "head": lends, "said": lends + piece('1', "[PM2] Starting\n"), "half": lends + "1\x00",
		"said half": lends + "1\x00\x00\x00\x20[PM2] Star",
	} {
		t.Run(name, func(t *testing.T) {
			dir := shortDir(t)
			words := lender(t, dir, answer)
			_, handled, rest := Try("", []string{"weaver", "restart", "web", "--update-env", "--silent", "--name", "x"}, []string{"WEAVER_HOME=" + dir})
			assert.False(t, handled)
			assert.Equal(t, []string{"WEAVER_HOME=" + dir, OpEnv + "=" + (<-words)[1]}, rest)
			if strings.HasPrefix(name, "said") {
				return
			}
			_, handled, rest = Try("", []string{"weaver", "describe", "web"}, []string{"WEAVER_HOME=" + dir})
			assert.False(t, handled)
			assert.Equal(t, []string{"WEAVER_HOME=" + dir}, rest)
		})
	}
	dir := shortDir(t)
	lender(t, dir, lends+piece('1', "half of it"))
	got := call(t, dir, nil, "describe", "web")
	assert.Equal(t, "half of it", got.out)
	assert.Equal(t, 1, got.code)
	assert.True(t, got.handled, "what is printed cannot be taken back")
}

func TestWhatIsNotLentIsNotHandled(t *testing.T) {
	dir := shortDir(t)
	words := lender(t, dir, "HTTP/1.1 501 Not Implemented\r\nContent-Length: 0\r\n\r\n")
	assert.Equal(t, outcome{}, call(t, dir, nil, "start", "./x"))
	assert.NotEmpty(t, <-words)
	for _, line := range []string{
		"start eco.config.js", "start eco.config.cjs --only web", "start a.json", "reload conf.yml", "start -", "start x.ts", "logs web", "resurrect",
		"monit", "service start web --config a.toml", "--name x start ./x", "start ./x " + strings.Repeat("y", maxWords),
	} {
		assert.Equal(t, outcome{}, call(t, dir, nil, strings.Fields(line)...), line)
	}
	assert.Empty(t, words, "the daemon is not asked")
	assert.Equal(t, outcome{}, call(t, dir, []string{"WEAVER_NO_HOT=1"}, "start", "./x"))
	assert.Empty(t, words)
}

// A daemon that says nothing may be at it: another front end has to ask for the same operation.
func TestSilentLenderIsNotAskedForSomethingElse(t *testing.T) {
	dir := shortDir(t)
	l, err := net.Listen("unix", filepath.Join(dir, "weaver.sock"))
	require.NoError(t, err)
	defer l.Close()
	tr := try{argv: []string{"weaver", "start", "./x"}, env: []string{"WEAVER_HOME=" + dir}, stdout: 1, stderr: 2, patience: 50 * time.Millisecond}
	_, handled := tr.run()
	assert.False(t, handled)
	assert.True(t, tr.asked)
}
