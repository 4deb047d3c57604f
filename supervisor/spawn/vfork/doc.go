// Package vfork starts a program by clone3 and execve, which cost the same however many descriptors this process has.
//
// What syscall.ForkExec does not offer, and a supervisor of thousands of services needs:
//
//   - The child shares the table of descriptors until it has its own, which holds the low numbers only (close_range with
//     CLOSE_RANGE_UNSHARE). A copy of the whole table, whose entries exec then closes one by one, costs as much as the rest
//     once there are some thousands.
//   - Nothing is locked while the program is loaded: launches go on beside each other. All descriptors of this process must
//     therefore be close-on-exec from the start, or at numbers of at least Script.Low.
//   - The scheduler knows that the thread waits, and hands its processor on.
//   - Which step has failed is told, without a pipe.
//
// Between clone and exec the child runs on its parent's stack, and not one instruction of Go: what it does is a list of
// system calls, made beforehand, which a few lines of assembly go through. Its signal handlers are cleared by the kernel.
package vfork
