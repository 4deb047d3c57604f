package lock

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/windows"
)

// The locked byte lies far behind the record, since Windows keeps others from
// reading what is locked.
const lockedHigh = 1 << 30

func openFile(path string) (int, error) {
	fd, err := open(path, windows.GENERIC_READ|windows.GENERIC_WRITE, windows.OPEN_ALWAYS)
	if err != nil {
		return -1, &os.PathError{Op: "open lock", Path: path, Err: err}
	}
	return fd, nil
}

// open does not share deletion: while anyone has the file open, for a lock or
// to wait for one, it cannot be removed. That is what removeStale builds on.
func open(path string, access, disposition uint32) (int, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return -1, err
	}
	h, err := windows.CreateFile(name, access, windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE, nil,
		disposition, windows.FILE_ATTRIBUTE_NORMAL|windows.FILE_FLAG_OPEN_REPARSE_POINT, 0)
	if err != nil {
		return -1, err
	}
	return int(h), nil
}

func closeFile(fd int) error { return windows.CloseHandle(windows.Handle(fd)) }

func tryFile(fd int) (bool, error) {
	err := lockEx(fd, windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
		return false, nil
	}
	return err == nil, err
}

func lockFile(fd int) error { return lockEx(fd, windows.LOCKFILE_EXCLUSIVE_LOCK) }

func lockEx(fd int, flags uint32) error {
	return windows.LockFileEx(windows.Handle(fd), flags, 0, 1, 0, &windows.Overlapped{OffsetHigh: lockedHigh})
}

// lookUp need not compare: an open file cannot be removed or replaced.
func lookUp(fd int, _ string) (size int64, here bool, err error) {
	var info windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(windows.Handle(fd), &info); err != nil {
		return 0, false, err
	}
	if info.FileAttributes&(windows.FILE_ATTRIBUTE_REPARSE_POINT|windows.FILE_ATTRIBUTE_DIRECTORY) != 0 {
		return 0, false, errors.New("is not a plain file")
	}
	return int64(info.FileSizeHigh)<<32 | int64(info.FileSizeLow), true, nil
}

func writeHolder(fd int, _ int64, by Holder) error {
	var room [recordSize]byte
	var n uint32
	err := windows.WriteFile(windows.Handle(fd), appendRecord(room[:0], by), &n, &windows.Overlapped{})
	if errors.Is(err, windows.ERROR_DISK_FULL) {
		return nil // The lock holds without its text.
	}
	return err
}

func readHolder(path string) Holder {
	fd, err := open(path, windows.GENERIC_READ, windows.OPEN_EXISTING)
	if err != nil {
		return Holder{}
	}
	defer closeFile(fd)
	return readRecord(fd)
}

func readRecord(fd int) Holder {
	var room [recordSize]byte
	var n uint32
	if err := windows.ReadFile(windows.Handle(fd), room[:], &n, &windows.Overlapped{}); err != nil {
		return Holder{}
	}
	return parseRecord(room[:n])
}

func probe(path string) (held bool, h Holder, err error) {
	fd, err := open(path, windows.GENERIC_READ, windows.OPEN_EXISTING)
	if err != nil {
		return false, Holder{}, &os.PathError{Op: "open lock", Path: path, Err: err}
	}
	defer closeFile(fd)
	h = readRecord(fd)
	err = lockEx(fd, windows.LOCKFILE_FAIL_IMMEDIATELY) // shared
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
		return true, h, nil
	}
	return false, h, err
}

func removeStale(path string) (bool, error) {
	err := syscall.DeleteFile(windows.StringToUTF16Ptr(path))
	if errors.Is(err, windows.ERROR_SHARING_VIOLATION) || os.IsNotExist(err) {
		return false, nil
	}
	return err == nil, err
}
