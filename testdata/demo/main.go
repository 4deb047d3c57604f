// Command demo shows weaver's main job on a machine that has only Go: it builds weaver, has it run a sample service,
// shows the service in the table, asks it something, kills it behind weaver's back, and shows that it came back.
//
//	go run ./testdata/demo
package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	if err := demo(); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func demo() error {
	bin, err := filepath.Abs("bin")
	if err != nil {
		return err
	}
	for _, b := range [][]string{
		{"weaver", "./cmd/weaver"},
		{"weaverd", "./cmd/weaverd"},
		{"weaver-js", "./cmd/weaver-js"},
		{"hello", "./testdata/apps/hello"},
	} {
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-tags=urfave_cli_no_docs,urfave_cli_no_suggest", "-o", filepath.Join(bin, b[0]), b[1])
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", b[0], err, out)
		}
	}
	home, err := os.MkdirTemp("", "weaver-demo")
	if err != nil {
		return err
	}
	defer os.RemoveAll(home)
	port, err := freePort()
	if err != nil {
		return err
	}
	env := append(os.Environ(), "WEAVER_HOME="+home, "PORT="+port)
	weaver := func(args ...string) (string, error) {
		fmt.Println("$ weaver " + strings.Join(args, " "))
		cmd := exec.Command(filepath.Join(bin, "weaver"), args...)
		cmd.Env = env
		var out bytes.Buffer
		cmd.Stdout = io.MultiWriter(os.Stdout, &out)
		cmd.Stderr = os.Stderr
		err := cmd.Run()
		return out.String(), err
	}
	defer weaver("kill")
	if _, err := weaver("start", filepath.Join("bin", "hello"), "--name", "hello"); err != nil {
		return err
	}
	if err := curl(port); err != nil {
		return err
	}
	out, err := weaver("pid", "hello")
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(out))
	if err != nil {
		return err
	}
	fmt.Println("$ kill -9", pid)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return err
	}
	if err := curl(port); err != nil {
		return err
	}
	if _, err := weaver("list"); err != nil {
		return err
	}
	_, err = weaver("logs", "hello", "--nostream", "--lines", "5")
	return err
}

// curl asks the service, until it answers.
func curl(port string) error {
	url := "http://127.0.0.1:" + port + "/"
	fmt.Println("$ curl " + url)
	var err error
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		var resp *http.Response
		if resp, err = http.Get(url); err == nil {
			_, err = io.Copy(os.Stdout, resp.Body)
			resp.Body.Close()
			return err
		}
	}
	return err
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}
