package logs

import (
	"errors"
	"fmt"
	"hash/maphash"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// linkMax bounds how many symbolic links lead to a log file.
const linkMax = 16

// openFlags: O_NONBLOCK matters for FIFOs and terminals only, which must not stop the log thread.
const openFlags = unix.O_WRONLY | unix.O_APPEND | unix.O_CLOEXEC | unix.O_NOCTTY | unix.O_NONBLOCK | unix.O_NOFOLLOW

// openOutput opens the file at path for appending and returns the path without the symbolic links of its last element.
//
// Links are followed, because people point log files elsewhere, but only where they cannot make a supervisor write for
// somebody else: a link must belong to root, to us, or to the owner of the existing file it leads to.
func openOutput(path string, create bool) (out output, st status, real string, err error) {
	real = path
	owner := -1 // whose link it was, if the file must be theirs
	for range linkMax {
		flags := openFlags
		if create && owner < 0 {
			flags |= unix.O_CREAT
		}
		if strings.HasPrefix(real, "/proc/self/fd/") { // /dev/stdout and the like
			flags &^= unix.O_NOFOLLOW | unix.O_CREAT
		}
		fd, err := openRetry(real, flags)
		if errors.Is(err, unix.ELOOP) {
			target, uid, err := readLink(real)
			if err != nil {
				return nil, st, real, err
			}
			if uid != 0 && uid != os.Geteuid() {
				owner = uid
			}
			if !filepath.IsAbs(target) {
				target = filepath.Join(filepath.Dir(real), target)
			}
			real = target
			continue
		}
		if err != nil {
			return nil, st, real, err
		}
		file := fdOutput(fd)
		st, err := file.Stat()
		if err == nil && owner >= 0 && st.uid != owner {
			err = fmt.Errorf("refusing to follow a symbolic link of uid %d to %s", owner, real)
		}
		if err != nil {
			_ = file.Close()
			return nil, st, real, err
		}
		st.born = birth(fd, st.modified)
		return file, st, real, nil
	}
	return nil, st, real, unix.ELOOP
}

func openRetry(path string, flags int) (int, error) {
	for {
		fd, err := unix.Open(path, flags, 0o644)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

// readLink returns where the link itself points and whose it is, from one descriptor so that it cannot be swapped in
// between.
func readLink(path string) (target string, uid int, err error) {
	fd, err := openRetry(path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC)
	if err != nil {
		return "", 0, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return "", 0, err
	}
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(fd, "", buf)
	return string(buf[:max(n, 0)]), int(st.Uid), err
}

// birth is when the file was made, as far as the file system tells.
func birth(fd int, modified time.Time) time.Time {
	var st unix.Statx_t
	if unix.Statx(fd, "", unix.AT_EMPTY_PATH, unix.STATX_BTIME, &st) == nil && st.Mask&unix.STATX_BTIME != 0 {
		return time.Unix(st.Btime.Sec, int64(st.Btime.Nsec))
	}
	return modified
}

// fileKey tells files apart.
type fileKey struct{ dev, ino uint64 }

// noFile is the key of a path that leads to no file. No device has that number.
func noFile(path string) fileKey { return fileKey{^uint64(0), maphash.String(pathSeed, path)} }

var pathSeed = maphash.MakeSeed()

func (k fileKey) identity() string { return identityOf(k.dev, k.ino) }

// fdOutput is an output by its descriptor.
type fdOutput int

func (fd fdOutput) Write(b []byte) (int, error) {
	done := 0
	for done < len(b) {
		n, err := unix.Write(int(fd), b[done:])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return done, err
		}
		done += n
	}
	return done, nil
}

func (fd fdOutput) Stat() (status, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(fd), &st); err != nil {
		return status{}, err
	}
	return statusOf(&st), nil
}

func (fd fdOutput) Truncate(size int64) error { return unix.Ftruncate(int(fd), size) }

func (fd fdOutput) Close() error { return unix.Close(int(fd)) }

// Resemble takes over the mode and, where allowed, the owner of the file that st describes.
func (fd fdOutput) Resemble(st status) {
	_ = unix.Fchown(int(fd), st.uid, st.gid) // as logrotate's "create"; only root may
	_ = unix.Fchmod(int(fd), st.mode)
}

func statusOf(st *unix.Stat_t) status {
	return status{
		key:      fileKey{dev: uint64(st.Dev), ino: st.Ino},
		links:    uint64(st.Nlink),
		size:     st.Size,
		regular:  st.Mode&unix.S_IFMT == unix.S_IFREG,
		modified: time.Unix(st.Mtim.Unix()),
		mode:     st.Mode & 0o7777,
		uid:      int(st.Uid),
		gid:      int(st.Gid),
	}
}

// statPath describes the file at path itself.
func statPath(path string) (status, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return status{}, err
	}
	return statusOf(&st), nil
}

// renameNew renames without ever replacing a file; os.ErrExist when there is one.
func renameNew(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if err != unix.EINVAL && err != unix.ENOSYS {
		return err
	}
	if err := unix.Link(from, to); err != nil { // a file system without RENAME_NOREPLACE
		return err
	}
	return unix.Unlink(from)
}

// renamesOpen says that a file can be renamed while it is open.
const renamesOpen = true

// noFollow makes opening a symbolic link an error.
const noFollow = unix.O_NOFOLLOW

// resemble gives f the mode and, where allowed, the owner of like.
func resemble(f, like *os.File) {
	if st, err := fdOutput(like.Fd()).Stat(); err == nil {
		fdOutput(f.Fd()).Resemble(st)
	}
}

// setTime sets the modification time of the file at path itself.
func setTime(path string, t time.Time) error {
	ts, err := unix.TimeToTimespec(t)
	if err != nil {
		return err
	}
	return unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{ts, ts}, unix.AT_SYMLINK_NOFOLLOW)
}
