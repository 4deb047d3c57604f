// Package lifecycle decides what should happen next to one process. It is pure: it starts, signals and waits for
// nothing, knows no clock, and holds no lock.
//
// # The model
//
// A process is what the user named; a child is one run of it, an incarnation, numbered by its Gen. One keeper owns the
// State of one process. Everything that can happen to it, asked by someone or told by the kernel, is an Input; Step
// answers with the next State and with Effects for the keeper to carry out, in order. Time comes in as an argument and
// goes out as data: the State holds moments (RestartAt, KillAt, ReadyBy), Deadline is the earliest, and the keeper
// owes a Tick when it has come. No timer can outlive what armed it.
//
// There is no variable for "the state". Want says what was last asked; Cur and Old say what is there; RestartAt says
// when the next child is due. A restart is dying while a child is due, a stop is dying while none is. What people call
// the state is read off these:
//
//	state       Want  Cur               Old              RestartAt     Status
//	NONE        any   none              none             never         stopped; errored if it gave up
//	WAITING     Up    none              none, or drains  set           waiting restart; stopping while Old drains
//	HELD        Up    none              none, or drains  set, past     waiting restart; errored if Blocked, stopped if Asleep
//	LAUNCHING   Up    serving           none, or drains  never         launching
//	ONLINE      Up    serving, Ready    none, or drains  never         online
//	OVERLAP     Up    serving           serving, Ready   never         launching
//	STOPPING    any   Asked or Dead     none, or drains  see below     stopping
//
// A child serves from its Spawn until it is asked to die or exits. It drains while it is asked to die, or is Dead:
// with TreeKill a child whose main process exited stays, Dead, until its whole tree is gone (npm died, its node still
// holds the port). While STOPPING, RestartAt says what comes next: a child as soon as there is room (set, Want Up), or
// rest (never).
//
//	NONE       ── Start, Restart, Reload ──────────────▶ LAUNCHING
//	WAITING    ── Tick(RestartAt), Start, Restart ─────▶ LAUNCHING
//	           ── Stop, Delete ────────────────────────▶ NONE
//	HELD       ── Clear ───────────────────────────────▶ LAUNCHING
//	           ── Stop, Delete ────────────────────────▶ NONE
//	LAUNCHING  ── Ready ───────────────────────────────▶ ONLINE      (the child said so · it listens · Spawned, if
//	                                                                  neither WaitReady nor OVERLAP · Tick(ReadyBy))
//	LAUNCHING,
//	ONLINE     ── Exited ── crash rule ──┬─ delay 0 ───▶ LAUNCHING   (with TreeKill by way of STOPPING, until Empty)
//	                                     ├─ delay > 0 ─▶ WAITING
//	                                     └─ else ──────▶ NONE        (errored · no AutoRestart · a code in StopExitCodes)
//	ONLINE     ── Reload, with Overlap ────────────────▶ OVERLAP     (Old still serves, Cur launches)
//	OVERLAP    ── Ready(Cur) ──────────────────────────▶ ONLINE      (Old drains, then is asked to die)
//	           ── Exited(Cur) ─────────────────────────▶ ONLINE      (Old is Cur again: the reload failed)
//	           ── Tick(ReadyBy), if Old said Ready ────▶ ONLINE      (the same, and what was Cur is asked to die)
//	           ── Exited(Old) ─────────────────────────▶ LAUNCHING
//	LAUNCHING,
//	ONLINE,
//	OVERLAP    ── Stop, Delete, Restart ───────────────▶ STOPPING    (Term; Kill at KillAt, again every 5 s)
//	ONLINE     ── Idle ────────────────────────────────▶ STOPPING    (as by Restart, and HELD then)
//	STOPPING   ── Exited, with TreeKill Empty ─┬─ Up ──▶ LAUNCHING
//	                                           ├─ Down ▶ NONE
//	                                           └─ Gone ▶ the keeper ends
//
// # The table
//
//	input           NONE, WAITING      LAUNCHING      ONLINE                OVERLAP             STOPPING
//	Start           forgive; Spawn     —              —                     —                   forgive; Up
//	Stop, Delete    drop RestartAt     Term           Term                  Term both           drop RestartAt
//	Restart{0}      forgive; Spawn     Term, Up       Term, Up              Term both, Up       forgive; Up
//	Restart{Gen}    —                  as Restart{0} if Gen is Cur          as Restart{0}       —
//	Reload          as Restart         as Restart     Overlap: Cur is Old,  again when this     as Restart
//	                                                  Spawn; else Restart   reload is over
//	Spawned         —                  PID; ready     —                     PID; ReadyBy        PID; the Term that waited
//	                                   or ReadyBy
//	Ready           —                  online         —                     online; Drain Old   —
//	Drained         Term Old           Term Old       Term Old              —                   Term
//	Exited(Cur)     —                  crash rule     crash rule            Old is Cur again    as Empty, without TreeKill
//	Exited(Old)     —                  forget it      forget it             forget it           forget it
//	Empty           —                  forget Old     forget Old            —                   Spawn if due, else rest
//	Tick            RestartAt: Spawn   ReadyBy:       stable: Backoff is 0  ReadyBy: as Ready,  KillAt: Kill, re-arm
//	                                   as Ready       KillAt of Old: Kill   or Old is Cur again
//	                                                  a trial lasted:
//	                                                  circuit closed
//	Reset           zero Restarts, Unstable, Backoff, the circuit and the window; all else stays as it is
//	wrong Gen       —
//	after Delete    wishes do nothing; Want stays Gone
//
// HELD is as WAITING, but for Tick, which does nothing. Clear and Wait mean nothing elsewhere, and Idle nothing unless Gen
// is Cur, ready and serving.
//
// # Rules
//
// A child is asked to die at most once, and is Killed only after KillTimeout from then. A dying child never comes
// online. News of a child that is not there does nothing. A child still being spawned cannot be signalled: its Term
// follows its Spawned. A failed spawn is an Exited with Err for a child without PID: one path for all deaths, and no
// tree to wait for.
//
// Survivors. With TreeKill every Exited of a child that had a process leaves it Dead until Empty. If nobody had asked
// it, what is left gets its Term then. A restart delay counts from the exit, but the next Spawn waits for Empty too.
// Without TreeKill nothing waits for Empty.
//
// Crash rule, when Cur exits though nobody asked, and no Old serves that could take over. Without AutoRestart, or with
// one of the StopExitCodes, it stays stopped: only a real exit code counts, not a signal; the exit is counted all the same.
// Else it is restarted unless
// it gives up:
//
//   - A run shorter than MinUptime is a quick exit, and so is a spawn that failed. Unstable counts quick exits in a row.
//     MaxRestarts of them make it give up: status errored, Unstable 0 and Born zero, as in PM2. So 16 quick exits show
//     15 restarts, a limit of 3 shows 2, a limit of 0 gives up on the first exit.
//   - A longer run ends the row. So does time: a row that has lasted MinUptime × MaxRestarts starts anew. PM2 counts only
//     in a window of that length after the last operator action, so a process that was up for longer and then fails at
//     boot is restarted hot and for ever. Here the window starts with the row; the numbers are the same after a start.
//     So pauses too long for MaxRestarts exits to fit in there never give up, as in PM2: with the default limit a
//     RestartDelay of 1.1 s or more, or an ExpBackoff from 100 ms. They are chosen by those who want to go on trying.
//   - After 16 quick exits in a row, restarts are at least 1 s apart if there is no limit (negative MaxRestarts), or if
//     the spawn itself fails, which takes no time at all (PM2 does not try again). A lower limit comes first.
//   - The delay is RestartDelay, or, if ExpBackoff is set, a growing one: first ExpBackoff, then half as much again, in
//     whole milliseconds, up to 15 s (100, 150, 225, 337, 505, 757, 1135, …). Uptime of BackoffReset starts it again.
//
// Three rules of weaver's own, each only where it was asked for:
//
//   - Growth: the n-th restart in a row of quick exits waits n × RestartDelay (linear), or 0, 1, 2, 4 … × RestartDelay
//     (doubling), RestartDelay being 1 s if it is not given, up to BackoffCap (1 min), less a part by chance (Jitter). The row
//     is counted however long it lasts, so MaxRestarts holds with long pauses too.
//   - Window: MaxRestarts counts all automatic restarts within Window, quick or not; one more makes it give up. The window
//     begins with the first restart after the one before has passed.
//   - Breaker: that many quick exits in a row open the circuit (Open). The next child comes after OpenFor and is a trial: a
//     quick exit opens the circuit again for as long; MinUptime online closes it, and ends the row.
//
// Start and Restart forgive, the circuit and the window too: Unstable and Backoff are 0, GaveUp is false, Born is now. A Stop makes an errored process
// a stopped one. Restarts counts an automatic restart when it is spawned, and a Restart or Reload of a serving child; not
// the start of a stopped, errored or waiting process. All these are PM2's.
//
// A Restart or Reload with a Gen is the wish of a watcher (memory, health, files) about that incarnation. It must not undo
// a Stop that came before it, so it does nothing once that child is dying or replaced.
//
// Reload. In an overlap the new child must always say that it is ready, or ListenTimeout passes: at its Spawned it
// listens to nothing yet, and Old would leave a gap. A new child that ends before that changes nothing: Old, still
// serving, is Cur again. Nor does one that says nothing in time, where Old had said that it is ready (Said, however late after its
// Spawned): it has ReloadTimeout for that, and is ended then. Where Old never said so either, nobody can tell a new child that
// works from one that does not, and it takes over when ListenTimeout has passed. A Reload while another is under way, or while the child before still drains, is done when that
// is over: with two children at most, the alternative would be a restart, the gap that reload is there to avoid. A
// Restart in an overlap asks both to die, so no failing reload can undo it.
//
// Gate. With Gated, wherever a child would be spawned because it is due, the machine asks (Await) and is HELD until it hears
// Clear: what the child needs is there. Wait says why not, for people, and as often as there is news; Blocked and Asleep
// count as an outcome to whoever waits for one, and a Clear may still follow. A Start or Restart has it ask again. The new
// child of an overlap is not held: the one before it has what it needs. An Idle is the wish of who knows that nobody needs the child.
//
// Drain. With a DrainTimeout a child that a reload replaced, or a Delete with Drain ends, is first told to take nothing
// new and to finish what it began. Its Term comes when it has, when its time is up, and at once with any other wish for
// its end.
//
// A crash of Cur while Old still drains is restarted without waiting for Old if Overlap allows two at a time.
package lifecycle
