// Package spawn forks, execs, waits for and kills services. It does; it does not decide.
//
// # A child
//
// Every child leads its own session and process group, whose ids are its pid. It gets descriptors 0, 1, 2 and the extra
// ones asked for, no others that this package opened. Its environment ends in Options.Marker=Cmd.Tag, so that a process
// it leaves behind can be told from a stranger. One goroutine waits for all children (Linux: one epoll set of pidfds that
// itself sits in Go's poller), so threads do not grow with children. Nothing here calls wait4(-1) or makes an os.Process:
// helpers run through os/exec live next to managed children without stealing each other's statuses.
//
// Signal dispositions: Go resets the ones it handles; a SIGHUP or SIGINT that the supervisor inherited as ignored stays
// ignored in children unless the supervisor calls signal.Notify for it, which every daemon does.
//
// # The tree
//
// A service is its main process and whatever came of it. Which processes those are is told by Child.Membership:
//
//   - "cgroup2": the child was born in a control group of its own (CLONE_INTO_CGROUP). The kernel knows every member; no
//     double fork, setsid or scrubbed environment escapes, and Kill is one atomic write (cgroup.kill, Linux 5.14). Only a
//     process with the right to write other groups can leave.
//   - "session+marker": the members are the descendants by parent pid, the processes whose session is the child's, and
//     the children of Options.Reaper (the subreaper that orphans fall to) whose initial environment carries the tag, with
//     their descendants. A process that double-forks AND calls setsid AND execs with a scrubbed environment escapes, as
//     does one whose environment the supervisor may not read (set-uid programs under an unprivileged supervisor).
//   - "session": as above without a reaper: an orphan that calls setsid escapes.
//   - "process": only the main process is known (not Linux, not macOS).
//
// When the control group could not be used the reason follows in parentheses. Zombies are dead: they are never members,
// unless their other threads still run.
//
// # Identity
//
// A pid alone is never signalled: the main process is reached through the pidfd it was born with, members through a pidfd
// whose start time is compared after it was opened.
//
// # Limits
//
// Go raises its own soft RLIMIT_NOFILE at start and gives children the original back. RaiseNoFile raises the hard limit
// too; the original is put back into each child before its first instruction, or, where package vfork is of no use, just after
// its exec (a window of some microseconds, in which only the number is wrong) unless it is launched through Options.Trampoline. Limits asked
// for in Cmd (Rlimits, OOMScoreAdj) always go through the trampoline and hold before the program's first instruction.
//
// # Bounds
//
// Cmd.Bounds are about the whole tree. Child.Holds says by what each is held: a control group of cgroup2 or cgroup1, or, for
// CPU, a throttle of this process, which pauses and resumes the tree. See bounds_linux.go.
package spawn
