// Package vfork starts a program by clone3 and execve, which cost the same however many descriptors this process has.
//
// What syscall.ForkExec does not offer, and a supervisor of thousands of services needs:
//
//   - The child shares the table of descriptors until it has its own, which holds the low numbers only (close_range with
//     CLOSE_RANGE_UNSHARE). A copy of the whole table, whose entries exec then closes one by one, costs as much as the rest
//     once there are some thousands.
//   - Launches go on beside each other: syscall.ForkLock is only read-locked, which keeps out those that fork the other way and
//     a process that is about to exec and has made descriptors inheritable for that. All descriptors of this process must
//     therefore be close-on-exec from their first moment, or at numbers that Script.Unshare cuts off.
//   - The scheduler knows that the thread waits, and hands its processor on.
//   - Which step has failed is told, without a pipe.
//
// Between clone and exec the child runs on its parent's stack, and not one instruction of Go: what it does is a list of
// system calls, made beforehand, which a few lines of assembly go through. Its signal handlers are cleared by the kernel.
package vfork
