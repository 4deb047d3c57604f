//go:build unix

package hot

import (
	"strconv"
	"syscall"
	"time"
)

// borrow has the daemon run the full front end on this command line, for the commands of which the table says that they
// are lent. It is the same front end as that which runs otherwise, only warm: starting it takes longer than what it does.
// If the daemon does not lend, nothing was done.
func (t *try) borrow() (code int, handled bool) {
	mutates, files, ok := lent(t.argv[1:])
	if !ok {
		return 0, false
	}
	which, ok := identities(files)
	if !ok {
		return 0, false
	}
	body, ok := t.words(which)
	if !ok {
		return 0, false
	}
	c, err := dial(t.home.Socket(), t.patience)
	if err != nil {
		return 0, false
	}
	defer c.close()
	t.op = operation() + "." // another than that of the hot form, which came to nothing; api.Each
	head := "POST /v1/front?o=" + t.op + " HTTP/1.1\r\nHost: weaver\r\nConnection: Upgrade\r\nUpgrade: weaver-front\r\nContent-Length: " +
		strconv.Itoa(len(body)) + "\r\n\r\n"
	if _, err := c.send(append([]byte(head), body...), nil); err != nil {
		return 0, false // not all of it came: it cannot be at it
	}
	h, err := c.head()
	if err != nil {
		t.asked = mutates // the full front end goes on with it: the next daemon knows what this one did
		return 0, false
	}
	if h.status != switching {
		return 0, false
	}
	code, printed, err := t.relay(c)
	switch {
	case err == nil:
		return code, true
	case printed && !mutates: // what is printed cannot be taken back, and is not all
		return t.broken(request{form: &form{}}), true
	}
	t.asked = mutates
	return 0, false
}

// relay prints frames until the last. What nobody reads does not end the command.
func (t *try) relay(c *conn) (code int, printed bool, err error) {
	if err := c.deadline(0); err != nil {
		return 0, false, err
	}
	for {
		f, err := c.frame()
		if err != nil {
			return 0, printed, err
		}
		fd := t.stdout
		switch f.kind {
		case 'x':
			return f.length & 0xff, printed, nil
		case '2':
			fd = t.stderr
		}
		for f.length > 0 {
			if c.off == c.end {
				if err := c.fill(); err != nil {
					return 0, printed, err
				}
			}
			part := c.buf[c.off:min(c.end, c.off+f.length)]
			t.print(fd, part)
			printed = true
			c.off += len(part)
			f.length -= len(part)
		}
	}
}

// switching is the status of a connection that goes on with frames.
const switching = 101

// frame is a piece of output: a byte that says where it belongs, its length in four bytes, and then itself. The last one
// has the code to exit with for its length.
type frame struct {
	kind   byte
	length int
}

func (c *conn) frame() (frame, error) {
	const size = 5
	for c.end-c.off < size {
		if err := c.fill(); err != nil {
			return frame{}, err
		}
	}
	b := c.buf[c.off:]
	f := frame{b[0], int(b[1])<<24 | int(b[2])<<16 | int(b[3])<<8 | int(b[4])}
	if f.kind != '1' && f.kind != '2' && f.kind != 'x' || f.length > maxBody {
		return f, errOdd
	}
	c.off += size
	return f, nil
}

// maxWords bounds what is sent: a command line and its environment.
const maxWords = 256 << 10

// maxLentFile bounds the config files that the daemon may read for us: beyond it starting a process is not what takes time.
const maxLentFile = 64 << 10

// identities are the devices and inodes of small regular files that we may read, so that the daemon can tell that it would
// read the same ones. It is not ok if one of them is anything else.
func identities(files []string) (ids string, ok bool) {
	for _, f := range files {
		fd, err := syscall.Open(f, syscall.O_RDONLY|syscall.O_CLOEXEC|syscall.O_NONBLOCK, 0)
		if err != nil {
			return "", false
		}
		var st syscall.Stat_t
		err = syscall.Fstat(fd, &st)
		syscall.Close(fd)
		if err != nil || st.Mode&syscall.S_IFMT != syscall.S_IFREG || st.Size > maxLentFile {
			return "", false
		}
		ids += strconv.FormatUint(uint64(st.Dev), 10) + ":" + strconv.FormatUint(st.Ino, 10) + " "
	}
	return ids, true
}

// words is the body: fields that end in a zero byte. They are the version, the directory with its device and inode, the
// columns of the terminal on stdout ("" if there is none), whether there is one on stderr, the identities of config files,
// the number of arguments, they, and the environment.
func (t *try) words(files string) ([]byte, bool) {
	dir, err := syscall.Getwd() // the real one, as weaverd has it: os.Getwd follows $PWD, and links with it
	if err != nil {
		return nil, false
	}
	var st syscall.Stat_t
	if syscall.Stat(".", &st) != nil {
		return nil, false
	}
	b := make([]byte, 0, 16<<10)
	field := func(s string) {
		b = append(b, s...)
		b = append(b, 0)
	}
	field(t.version)
	field(dir)
	field(strconv.FormatUint(uint64(st.Dev), 10))
	field(strconv.FormatUint(st.Ino, 10))
	cols, tty := columns(t.stdout)
	if tty {
		field(strconv.Itoa(cols))
	} else {
		field("")
	}
	if _, tty := columns(t.stderr); tty {
		field("1")
	} else {
		field("")
	}
	field(files)
	field(strconv.Itoa(len(t.argv)))
	for _, a := range t.argv {
		field(a)
	}
	for _, e := range t.env {
		field(e)
	}
	return b, len(b) <= maxWords
}

// operation makes the id of one.
func operation() string {
	return strconv.FormatInt(int64(syscall.Getpid()), 36) + "-" + strconv.FormatInt(time.Now().UnixNano(), 36)
}
