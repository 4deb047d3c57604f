package spawn

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// procfs is where the process table is read.
const procfs = "/proc/"

// readProcess returns one line of the process table; os.ErrProcessDone if there is no such process.
func readProcess(pid int) (process, error) {
	var buf [1024]byte // a line is some 350 bytes
	n, err := readFile(procfs+strconv.Itoa(pid)+"/stat", buf[:])
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH) {
		return process{}, os.ErrProcessDone
	}
	if err != nil {
		return process{}, fmt.Errorf("read stat of process %d: %w", pid, err)
	}
	p, ok := parseStat(buf[:n])
	if !ok {
		return process{}, fmt.Errorf("read stat of process %d: cannot parse %q", pid, buf[:n])
	}
	return p, nil
}

// Fields of /proc/<pid>/stat after the command's name, which may hold anything, blanks and parentheses too.
const (
	fieldState   = 0
	fieldPPID    = 1
	fieldPGID    = 2
	fieldSID     = 3
	fieldThreads = 17
	fieldStart   = 19
	fieldEnvEnd  = 48
)

func parseStat(line []byte) (process, bool) {
	open, shut := bytes.IndexByte(line, '('), bytes.LastIndexByte(line, ')')
	if open < 2 || shut < open || shut+2 >= len(line) {
		return process{}, false
	}
	p := process{pid: atoi(line[:open-1])}
	threads, n, rest := 0, 0, line[shut+2:]
	for ; len(rest) > 0 && n <= fieldEnvEnd; n++ {
		var word []byte
		word, rest, _ = bytes.Cut(rest, []byte{' '})
		switch n {
		case fieldState:
			p.dead = len(word) == 1 && (word[0] == 'Z' || word[0] == 'X')
		case fieldPPID:
			p.ppid = atoi(word)
		case fieldPGID:
			p.pgid = atoi(word)
		case fieldSID:
			p.sid = atoi(word)
		case fieldThreads:
			threads = atoi(word)
		case fieldStart:
			p.start = uint64(atoi(word))
		case fieldEnvEnd:
			p.envEnd = uint64(atoi(word))
		}
	}
	// A leader that called pthread_exit is a zombie too, while the process lives on in its other threads.
	p.dead = p.dead && threads <= 1
	return p, n > fieldStart && p.pid > 0
}

// atoi reads digits, and stops at anything else: the kernel writes nothing else in the fields read here.
func atoi(b []byte) int {
	n := 0
	for _, c := range b {
		if c < '0' || c > '9' {
			break
		}
		n = n*10 + int(c-'0')
	}
	return n
}

// readTable makes one pass over the process table. known returns the line of a process without a look at /proc.
func readTable(known func(pid int) (process, bool)) (*table, error) {
	fd, err := openat(procfs, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, fmt.Errorf("read process table: %w", err)
	}
	defer unix.Close(fd)
	t, names, buf := newTable(256), make([]string, 0, 512), make([]byte, 32<<10)
	for {
		n, err := unix.Getdents(fd, buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read process table: %w", err)
		}
		if n <= 0 {
			return t, nil
		}
		_, _, names = syscall.ParseDirent(buf[:n], -1, names[:0])
		for _, name := range names {
			if name[0] < '1' || name[0] > '9' {
				continue
			}
			pid := atoi([]byte(name))
			p, ok := known(pid)
			if !ok {
				if p, err = readProcess(pid); err != nil {
					continue // it went meanwhile
				}
			}
			t.add(p)
		}
	}
}

// carries reports whether the environment that p was executed with holds the entry; false if it may not be read. It is
// not sure while there is none: in the middle of an exec (the kernel closes descriptors, which tells the parent, before it
// makes an environment) and at the very end, when the memory is gone but the process is not.
func carries(p process, entry string) (has, sure bool) {
	env, err := environ(p.pid)
	if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOENT) {
		return false, true
	}
	if len(env) > 0 {
		return containsEntry(env, entry), true
	}
	// Empty on purpose, if it was in one and the same place before and after.
	now, err := readProcess(p.pid)
	return false, err != nil || now.dead || p.envEnd != 0 && now.envEnd == p.envEnd
}

// environ returns the environment of pid. A leader that called pthread_exit has none any more; its threads do.
func environ(pid int) ([]byte, error) {
	dir := procfs + strconv.Itoa(pid)
	env, err := readAll(dir + "/environ")
	if len(env) > 0 || err != nil && !errors.Is(err, unix.ESRCH) {
		return env, err
	}
	threads, _ := os.ReadDir(dir + "/task") // gone: none
	for _, thread := range threads {
		if env, err := readAll(dir + "/task/" + thread.Name() + "/environ"); err == nil && len(env) > 0 {
			return env, nil
		}
	}
	return nil, err
}

// openat opens path for this process only. Raw descriptors cost a quarter of an os.File, which joins the poller.
func openat(path string, flags int) (fd int, err error) {
	for {
		fd, err = unix.Open(path, flags|unix.O_CLOEXEC, 0)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

// readFile reads the start of a file that answers in one read, as those of the kernel do.
func readFile(path string, buf []byte) (int, error) {
	fd, err := openat(path, unix.O_RDONLY)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	for {
		n, err := unix.Read(fd, buf)
		if err != unix.EINTR {
			return max(n, 0), err
		}
	}
}

// readAll is os.ReadFile without the poller.
func readAll(path string) ([]byte, error) {
	fd, err := openat(path, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	all := make([]byte, 0, 4<<10)
	for {
		if len(all) == cap(all) {
			all = append(all, 0)[:len(all)]
		}
		n, err := unix.Read(fd, all[len(all):cap(all)])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, err
		}
		if n <= 0 {
			return all, nil
		}
		all = all[:len(all)+n]
	}
}

// readList is readAll of a list of numbers that the kernel makes line by line: a read that leaves room for another line has
// come to the end, and need not be followed by one that says so.
func readList(path string) ([]byte, error) { return readListIn(path, nil) }

// readListIn is readList that appends to what has been allocated.
func readListIn(path string, all []byte) ([]byte, error) {
	const page, line = 4 << 10, 32
	fd, err := openat(path, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	for {
		all = slices.Grow(all, page)
		n, err := unix.Read(fd, all[len(all):len(all)+page])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = all[:len(all)+max(n, 0)]
		if n <= 0 || n < page-line {
			return all, nil
		}
	}
}

// writeFile writes text in one piece into a file of the kernel.
func writeFile(path, text string) error {
	fd, err := openat(path, unix.O_WRONLY)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for {
		if _, err = unix.Write(fd, []byte(text)); err != unix.EINTR {
			return err
		}
	}
}
