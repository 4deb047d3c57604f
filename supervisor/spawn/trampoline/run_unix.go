//go:build linux || darwin

package trampoline

import (
	"strconv"
	"syscall"
)

// exitFailed is the exit code after a failure; the launcher reads the Failure instead.
const exitFailed = 253

// Run makes the settings and becomes the program; it returns, with an exit code, only if it could not. args is the whole
// argv, Name included.
func Run(args []string) int {
	if len(args) < 4 {
		return exitFailed
	}
	s, ok := Decode(args[1])
	if !ok {
		return exitFailed
	}
	syscall.CloseOnExec(s.ErrFD)
	environ := environment() // needs a descriptor, and the limit may forbid one
	if s.ListenPID {
		environ = append(environ, "LISTEN_PID="+strconv.Itoa(syscall.Getpid()))
	}
	f := s.apply()
	if f.Errno == 0 {
		// Exec gives back the soft RLIMIT_NOFILE that Go raised at start, unless Setrlimit set another.
		err := syscall.Exec(args[2], args[3:], environ)
		f = failure(StageExec, 0, err)
	}
	_, _ = syscall.Write(s.ErrFD, f.bytes()) // the launcher is gone if this fails
	return exitFailed
}

func (s *Settings) apply() Failure {
	for i, fd := range s.Join {
		if _, err := syscall.Write(fd, []byte{'0'}); err != nil { // 0 is who writes
			return failure(StageJoin, byte(i), err)
		}
		syscall.Close(fd)
	}
	for _, l := range s.Rlimits {
		lim := syscall.Rlimit{Cur: l.Soft, Max: l.Hard}
		if err := syscall.Setrlimit(l.Resource, &lim); err != nil {
			return failure(StageRlimit, byte(l.Resource), err)
		}
	}
	if s.OOMScoreAdj != nil {
		if err := write("/proc/self/oom_score_adj", strconv.Itoa(*s.OOMScoreAdj)); err != nil {
			return failure(StageOOM, 0, err)
		}
	}
	if s.User != nil {
		if err := s.User.become(); err != nil {
			return failure(StageUser, 0, err)
		}
	}
	if s.Dir != "" {
		if err := syscall.Chdir(s.Dir); err != nil {
			return failure(StageDir, 0, err)
		}
	}
	return Failure{}
}

func (u *User) become() error {
	groups := make([]int, len(u.Groups))
	for i, g := range u.Groups {
		groups[i] = int(g)
	}
	if err := syscall.Setgroups(groups); err != nil {
		return err
	}
	if err := syscall.Setgid(int(u.GID)); err != nil {
		return err
	}
	return syscall.Setuid(int(u.UID))
}

// environment returns the environment byte for byte. syscall.Environ would drop the second of two equal keys.
func environment() []string {
	fd, err := syscall.Open("/proc/self/environ", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return syscall.Environ()
	}
	defer syscall.Close(fd)
	block := make([]byte, 0, 8<<10)
	for {
		if len(block) == cap(block) {
			block = append(block, make([]byte, cap(block))...)[:len(block)]
		}
		n, err := syscall.Read(fd, block[len(block):cap(block)])
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			return syscall.Environ()
		}
		if n <= 0 {
			break
		}
		block = block[:len(block)+n]
	}
	var env []string
	for text := string(block); text != ""; {
		var kv string
		kv, text, _ = cut(text, 0)
		env = append(env, kv)
	}
	return env
}

func write(path, text string) error {
	fd, err := syscall.Open(path, syscall.O_WRONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer syscall.Close(fd)
	_, err = syscall.Write(fd, []byte(text))
	return err
}

func failure(stage Stage, detail byte, err error) Failure {
	errno, ok := err.(syscall.Errno)
	if !ok || errno == 0 {
		errno = syscall.EINVAL
	}
	return Failure{stage, detail, errno}
}
