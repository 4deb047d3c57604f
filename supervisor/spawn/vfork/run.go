//go:build linux && (amd64 || arm64)

package vfork

import _ "unsafe" // for linkname

// entersyscall and exitsyscall have the scheduler know that the thread waits in the kernel.
//
//go:linkname entersyscall runtime.entersyscall
func entersyscall()

//go:linkname exitsyscall runtime.exitsyscall
func exitsyscall()

// vfork is clone3, and in the child the calls one after the other. In the parent it returns the child's pid, or a negative
// errno, once the child has gone on to another program or has ended. Its arguments escape: the child must find them where
// they are.
func vfork(args *cloneArgs, calls *call, n int, f *failure) (pid int)

//go:nosplit
func run(args *cloneArgs, calls *call, n int, f *failure) int {
	entersyscall()
	pid := vfork(args, calls, n, f)
	exitsyscall()
	return pid
}
