//go:build unix

package anchor

import (
	"os"
	"strconv"
	"syscall"
	"time"
)

// The log is cut to its last keepLog bytes when it has more than maxLog.
const (
	maxLog  = 1 << 20
	keepLog = 256 << 10
)

// logFile is anchor.log: a few lines per supervisor, and what they print when they crash.
type logFile struct {
	fd   int
	echo bool // stderr is somewhere else, such as systemd's journal or a terminal
}

func openLog(path string) (*logFile, error) {
	fd, err := syscall.Open(path, syscall.O_RDWR|syscall.O_APPEND|syscall.O_CREAT|syscall.O_CLOEXEC|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	l := &logFile{fd: fd}
	var log, stderr syscall.Stat_t
	if syscall.Fstat(fd, &log) == nil && syscall.Fstat(2, &stderr) == nil {
		l.echo = log.Dev != stderr.Dev || log.Ino != stderr.Ino
	}
	l.shorten()
	return l, nil
}

// print writes one line. There is nowhere to tell that it cannot be written.
func (l *logFile) print(text string) {
	b := make([]byte, 0, 256)
	b = time.Now().UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z")
	b = append(b, " anchor["...)
	b = strconv.AppendInt(b, int64(os.Getpid()), 10)
	b = append(b, "]: "...)
	b = append(b, oneLine(text)...)
	b = append(b, '\n')
	_, _ = syscall.Write(l.fd, b)
	if l.echo {
		_, _ = syscall.Write(2, b)
	}
}

// shorten keeps the end of a log that got long. Nobody else writes while no supervisor runs, but for services that
// inherited it by mistake; a line of theirs may get lost.
func (l *logFile) shorten() {
	var st syscall.Stat_t
	if syscall.Fstat(l.fd, &st) != nil || st.Size <= maxLog {
		return
	}
	tail := make([]byte, keepLog)
	n, err := syscall.Pread(l.fd, tail, st.Size-keepLog)
	if err != nil || syscall.Ftruncate(l.fd, 0) != nil {
		return
	}
	tail = tail[:n]
	for i, c := range tail {
		if c == '\n' {
			tail = tail[i+1:]
			break
		}
	}
	_, _ = syscall.Write(l.fd, tail)
}
