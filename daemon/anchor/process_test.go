//go:build linux

package anchor

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// These tests run real anchors and supervisors: the test binary itself, which a supervisor's test drives line by line
// over a socket. Nothing in them waits for time to pass.

const (
	roleEnv = "ANCHOR_TEST_ROLE"
	ctlEnv  = "ANCHOR_TEST_CONTROL"
)

// idleRole has the test's executable do nothing, for when all that is looked at are its arguments and its environment.
const idleRole = "idle"

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(roleEnv) == "":
		os.Exit(m.Run())
	case os.Getenv(roleEnv) == idleRole:
		time.Sleep(time.Minute) // or until it is killed
		os.Exit(0)
	case len(os.Args) == 2 && os.Args[1] == "supervise":
		os.Exit(superviseForTest())
	default:
		args := os.Args[1:]
		if args[0] == "--anchor" { // as one becomes an anchor
			args = args[1:]
		}
		home := args[0]
		os.Exit(Run(Options{Home: home, Lock: home + "/daemon.lock", Log: home + "/anchor.log", Weaverd: args[1]}))
	}
}

// superviseForTest does what the test says: a line in, a line out. It ends with the socket, so that no test leaves it
// behind.
func superviseForTest() int {
	syscall.CloseOnExec(3)
	syscall.CloseOnExec(4)
	stored, err := InheritStore()
	if err != nil {
		return 97
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP)
	c, err := net.Dial("unix", os.Getenv(ctlEnv))
	if err != nil {
		return 99
	}
	buf := make([]byte, MaxMessage)
	receive := func() string {
		n, err := syscall.Read(3, buf)
		if err != nil {
			return "error: " + err.Error()
		}
		return string(buf[:n])
	}
	fmt.Fprintf(c, "%d %s\n", os.Getpid(), receive())
	lines := bufio.NewScanner(c)
	for lines.Scan() {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		answer := ""
		switch word {
		case "say":
			_, err := syscall.Write(3, []byte(rest))
			answer = fmt.Sprint("said ", err)
		case "receive":
			answer = receive()
		case "signal":
			answer = (<-signals).String()
		case "service", "orphan":
			// A service in a session of its own; an orphan is one whose parent has died.
			script := "exec sleep 1000"
			if word == "orphan" {
				script = "sleep 1000 & echo $!"
			}
			answer = runScript(script, word == "orphan")
		case "keep":
			answer = fmt.Sprint(keepFiles(strings.Fields(rest)))
		case "stored":
			answer = strings.Join(slices.Sorted(maps.Keys(stored)), " ")
		case "number": // of a descriptor that was inherited
			answer = strconv.Itoa(stored[rest])
		case "read": // what is in a descriptor that was inherited
			text := make([]byte, 100)
			n, err := syscall.Pread(stored[rest], text, 0)
			answer = fmt.Sprintf("%s %v", text[:max(n, 0)], err)
		case "become", "next": // with the executable at a path
			exe, path, _ := strings.Cut(rest, " ")
			fd, err := syscall.Open(exe, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
			if err == nil {
				err = SendMessage(3, strings.TrimSpace(word+" "+path), []int{fd})
				syscall.Close(fd)
			}
			answer = fmt.Sprint("said ", err)
		case "anchor": // become it; what was kept goes along
			answer = takeItsPlace(stored)
		case "parent":
			answer = strconv.Itoa(os.Getppid())
		case "hang":
			_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		case "pong": // the next message is a ping, and answered
			_, n, _ := strings.Cut(receive(), " ")
			answer = fmt.Sprint("said ", SendMessage(3, MessagePong+" "+n, nil))
		case "storm": // of orphans that have died
			answer = runScript("i=0; while [ $i -lt "+rest+" ]; do (: &); i=$((i+1)); done; echo done", true)
		case "acknowledge": // so many deaths
			n, _ := strconv.Atoi(rest)
			told := 0
			for told < n {
				switch text := receive(); {
				case strings.HasPrefix(text, MessageOrphan):
					o, _ := ParseOrphan(text)
					for SendMessage(3, MessageAck+" "+strconv.Itoa(o.PID), nil) == syscall.EAGAIN {
						time.Sleep(time.Millisecond) // the anchor is busy
					}
					told++
				case strings.HasPrefix(text, MessageMissed):
					missed, _ := strconv.Atoi(strings.TrimPrefix(text, MessageMissed+" "))
					told += missed
				default:
					n = 0
				}
			}
			answer = strconv.Itoa(told)
		case "exit":
			code, _ := strconv.Atoi(rest)
			return code
		default:
			answer = os.Getenv(word)
		}
		fmt.Fprintln(c, answer)
	}
	return 98
}

// takeItsPlace becomes the anchor, which has died. It returns only if it cannot.
func takeItsPlace(stored map[string]int) string {
	buf := make([]byte, MaxMessage)
	for {
		n, err := syscall.Read(3, buf)
		if n == 0 || err != nil {
			break
		}
	}
	if err := adoptOrphans(); err != nil {
		return err.Error()
	}
	self, err := os.Executable()
	if err != nil {
		return err.Error()
	}
	l := NewListing()
	l.Lock, l.Restarts, l.Last = 4, 5, "the anchor died"
	for name, fd := range stored {
		l.FDs[name] = fd
	}
	l.FDs["log/9/9/out"] = 900 // closed while it became the anchor: that must not be in anybody's way
	return l.Become(stored[AnchorName], os.Getenv("WEAVER_HOME"), self).Error()
}

// keepFiles has the anchor keep a file for each name, whose contents are the name and our pid.
func keepFiles(names []string) error {
	var fds []int
	for _, name := range names {
		fd, err := memoryFile("test")
		if err != nil {
			return err
		}
		defer syscall.Close(fd)
		if _, err := syscall.Write(fd, []byte(name+" of "+strconv.Itoa(os.Getpid()))); err != nil {
			return err
		}
		fds = append(fds, fd)
	}
	return SendMessage(3, MessageKeep+" "+strings.Join(names, " "), fds)
}

// runScript starts a script and returns its pid, or what it prints before it ends.
func runScript(script string, wait bool) string {
	cmd := exec.Command("sh", "-c", script)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if !wait {
		if err := cmd.Start(); err != nil {
			return err.Error()
		}
		return strconv.Itoa(cmd.Process.Pid)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err.Error()
	}
	defer r.Close()
	cmd.Stdout = w
	err = cmd.Run()
	w.Close()
	line, _ := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(line)
}

// stage is a home, and the socket at which its supervisors report.
type stage struct {
	t    *testing.T
	home string
	l    *net.UnixListener
}

func newStage(t *testing.T) *stage {
	dir, err := os.MkdirTemp("", "anchor") // t.TempDir is too long for a socket
	require.NoError(t, err)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: dir + "/ctl", Net: "unix"})
	require.NoError(t, err)
	t.Cleanup(func() {
		l.Close()
		os.RemoveAll(dir)
	})
	return &stage{t, filepath.Join(dir, "home"), l}
}

// anchorProcess is a running anchor.
type anchorProcess struct {
	t     *testing.T
	cmd   *exec.Cmd
	ready *bufio.Reader // nil without a ready pipe
	pid   int
}

// start starts an anchor; edit may change the command before.
func (s *stage) start(withPipe bool, weaverd string, edit ...func(*exec.Cmd)) *anchorProcess {
	t := s.t
	if weaverd == "" {
		weaverd = os.Args[0]
	}
	cmd := exec.Command(os.Args[0], s.home, weaverd)
	cmd.Env = append(os.Environ(), roleEnv+"=1", ctlEnv+"="+filepath.Dir(s.home)+"/ctl")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	a := &anchorProcess{t: t, cmd: cmd}
	if withPipe {
		r, w, err := os.Pipe()
		require.NoError(t, err)
		defer w.Close()
		cmd.ExtraFiles = []*os.File{w}
		a.ready = bufio.NewReader(r)
		t.Cleanup(func() { r.Close() })
	}
	for _, e := range edit {
		e(cmd)
	}
	require.NoError(t, cmd.Start())
	a.pid = cmd.Process.Pid
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return a
}

// word is the anchor's answer at the ready pipe, which it must then close.
func (a *anchorProcess) word() string {
	data, err := io.ReadAll(a.ready)
	require.NoError(a.t, err)
	return string(data)
}

// exit waits for the anchor's end.
func (a *anchorProcess) exit() int {
	err := a.cmd.Wait()
	if _, ok := err.(*exec.ExitError); err != nil && !ok {
		require.NoError(a.t, err)
	}
	return a.cmd.ProcessState.ExitCode()
}

// puppet is a supervisor in the test's hands.
type puppet struct {
	t     *testing.T
	c     net.Conn
	r     *bufio.Reader
	pid   int
	hello Hello
}

const await = 30 * time.Second

// supervisor waits for the next supervisor to report.
func (s *stage) supervisor() *puppet {
	require.NoError(s.t, s.l.SetDeadline(time.Now().Add(await)))
	c, err := s.l.Accept()
	require.NoError(s.t, err)
	require.NoError(s.t, c.SetDeadline(time.Now().Add(await)))
	s.t.Cleanup(func() { c.Close() })
	p := &puppet{t: s.t, c: c, r: bufio.NewReader(c)}
	pid, hello, _ := strings.Cut(p.line(), " ")
	p.pid, err = strconv.Atoi(pid)
	require.NoError(s.t, err)
	var ok bool
	p.hello, ok = ParseHello(hello)
	require.True(s.t, ok, hello)
	return p
}

func (p *puppet) line() string {
	line, err := p.r.ReadString('\n')
	require.NoError(p.t, err)
	return strings.TrimSuffix(line, "\n")
}

func (p *puppet) do(command string) string {
	fmt.Fprintln(p.c, command)
	return p.line()
}

func (p *puppet) say(text string) { require.Equal(p.t, "said <nil>", p.do("say "+text)) }

// orphan is the next that the anchor tells of; its start is checked to be one.
func (p *puppet) orphan() Orphan {
	text := p.do("receive")
	o, ok := ParseOrphan(text)
	require.True(p.t, ok, text)
	require.NotZero(p.t, o.Start, text)
	o.Start = 0
	return o
}

func (p *puppet) exit(code int) { fmt.Fprintf(p.c, "exit %d\n", code) }
func (p *puppet) kill()         { require.NoError(p.t, syscall.Kill(p.pid, syscall.SIGKILL)) }

// process starts a service or an orphan below the supervisor, which the test ends in the end.
func (p *puppet) process(kind string) int {
	pid, err := strconv.Atoi(p.do(kind))
	require.NoError(p.t, err)
	p.t.Cleanup(func() { syscall.Kill(pid, syscall.SIGKILL) })
	return pid
}

// parentOf returns the parent and the state of a process, 0 if there is none.
func parentOf(pid int) (parent int, state string) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, ""
	}
	fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
	parent, _ = strconv.Atoi(fields[1])
	return parent, fields[0]
}

// children lists the children of a process, dead or alive.
func children(t *testing.T, pid int) (alive, dead []int) {
	names, err := filepath.Glob("/proc/[0-9]*")
	require.NoError(t, err)
	for _, name := range names {
		child, _ := strconv.Atoi(filepath.Base(name))
		switch parent, state := parentOf(child); {
		case parent != pid:
		case state == "Z":
			dead = append(dead, child)
		default:
			alive = append(alive, child)
		}
	}
	return alive, dead
}

// eventually awaits a condition.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	require.Eventually(t, is, await, 2*time.Millisecond, what)
}
