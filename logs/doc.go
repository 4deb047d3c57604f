// Package logs carries what processes print from their pipes into files.
//
// # The way of a byte
//
// A child writes into a pipe (Pipe). One thread serves all pipes: it copies what is there without taking it out
// (tee(2)), writes the copy to the pipe's sinks, and only then consumes it. A supervisor that is killed in between
// leaves the bytes in the pipe, so none are lost; a Ledger, in memory that outlives the process, tells its successor how
// far it got, so none are written twice. The child's end is opened O_RDWR: the child is a reader of its own pipe and gets
// no EPIPE, whoever else dies.
//
// A sink is one open inode, whatever the number of pipes and paths that lead to it, opened O_APPEND so that `> file`,
// copytruncate and other writers work. It rotates by rename, between lines. A disk that refuses does not stop anybody:
// the output is consumed and counted, and a line in the file says how much is missing once there is room.
//
// # When lines matter
//
// A pipe that writes plain bytes to files of its own is not split into lines at all. A pipe is in line mode while
// somebody follows it, its format is JSON, or it shares a sink with another pipe. Then an unfinished line stays in the
// pipe until it has not grown for 100 ms (holdPartial), or for a second while it grows, or until it has 128 KiB (32 where
// the pipe cannot be enlarged): so lines of different pipes do not mix and readers see whole ones. After that it is
// written as it is (as JSON: an object of its own), and the sink is reserved for the rest of that line for a short while.
//
// # Descriptors
//
// See FDsPerPipe, FDsPerFile and FDsShared. A pipe to nowhere (Disabled) costs none.
//
// # Other systems than Linux
//
// A goroutine per pipe reads and then writes, with the same sinks, formats, rotation and followers. What is lost there:
// bytes between read and write when the supervisor is killed, and exactness of Flush on Windows (see portable.go).
package logs

// Descriptors that the engine holds, for whoever sizes RLIMIT_NOFILE.
const (
	FDsPerPipe = 1 // the read end; the child's end is closed after the spawn
	FDsPerFile = 1 // each distinct file, however many pipes write to it
	FDsShared  = 9 // the ledger and its two pipes, where pipes lead, epoll, eventfd, /dev/null, the two ends of the scratch pipe
)
