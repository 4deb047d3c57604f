package lifecycle

import (
	"testing"
	"time"
)

// FuzzStep feeds anything in any order, as no keeper would: news that contradict each other, policies that change and make
// no sense, a clock that goes back. Nothing may panic, loop or let a child live unwanted.
func FuzzStep(f *testing.F) {
	f.Add([]byte{0xff, 0, 0, 4, 1, 5, 1, 6, 1, 3, 0, 4, 2, 5, 2, 6, 2, 9, 200, 1, 0})
	f.Add([]byte{0x00, 0, 0, 4, 1, 6, 1, 4, 2, 6, 2, 2, 0, 9, 100, 9, 255})
	f.Add([]byte{0x5a, 0, 0, 1, 0, 4, 1, 11, 77, 6, 1, 7, 1, 12, 9, 9, 9})
	f.Fuzz(func(t *testing.T, script []byte) {
		var (
			s      State
			p      = fuzzPolicy(0xff)
			now    = t0
			termed = map[uint64]bool{}
		)
		step := func(in Input) {
			before := s
			var out []Effect
			s, out = Step(p, s, now, in)
			for i, e := range out {
				switch e := e.(type) {
				case Spawn:
					if e.Gen != before.LastGen+1 || i != len(out)-1 {
						t.Fatalf("%T%+v: %s", in, in, words(out))
					}
				case Term:
					if termed[e.Gen] {
						t.Fatalf("%d asked twice", e.Gen)
					}
					termed[e.Gen] = true
				case Drain:
					if termed[e.Gen] {
						t.Fatalf("%d drains after its term", e.Gen)
					}
				case Kill:
					if !termed[e.Gen] {
						t.Fatalf("%d killed unasked", e.Gen)
					}
				}
			}
			if s.Want != Up && (s.Cur.serving() || s.Old.serving() || !s.RestartAt.IsZero()) {
				t.Fatalf("%T%+v: lives unwanted: %+v", in, in, s)
			}
			if before.Want == Gone && s.Want != Gone {
				t.Fatalf("%T%+v: came back from Delete", in, in)
			}
			if s.Old.serving() && !s.Cur.serving() {
				t.Fatalf("%T%+v: old is alone: %+v", in, in, s)
			}
		}
		for len(script) >= 2 {
			op, arg := script[0], script[1]
			script = script[2:]
			gen := uint64(arg % 8)
			if arg >= 128 { // a child that is likely to be there
				gen = s.LastGen - min(s.LastGen, uint64(arg%2))
			}
			switch op % 17 {
			case 0:
				step(Start{})
			case 1:
				step(Stop{})
			case 2:
				step(Restart{gen * uint64(op/13%2)})
			case 3:
				step(Reload{gen * uint64(op/13%2)})
			case 4:
				step(Spawned{Gen: gen, PID: int(arg)})
			case 5:
				step(Ready{gen})
			case 6:
				step(Exited{Gen: gen, Code: int(op / 13 % 3), Signal: int(op / 13 % 2)})
			case 7:
				step(Empty{gen})
			case 8:
				step(Tick{})
			case 9: // the alarm
				if d := s.Deadline(p); !d.IsZero() && d.After(now) {
					now = d
				}
				for tries := 0; ; tries++ {
					if d := s.Deadline(p); d.IsZero() || d.After(now) {
						break
					} else if tries == 4 {
						t.Fatalf("the alarm rings for ever: %+v, %+v", p, s)
					}
					step(Tick{})
				}
			case 10:
				now = now.Add(time.Duration(int8(arg)) * 100 * time.Millisecond)
			case 11:
				p = fuzzPolicy(arg)
			case 13:
				step(Drained{gen})
			case 14:
				step(Clear{})
			case 15:
				step(Wait{Hold(arg % 5)})
			case 16:
				step(Idle{gen})
			case 12:
				if arg < 2 {
					step(Delete{Drain: arg == 1})
				} else {
					step(Reset{})
				}
			}
		}
		step(Delete{})
		for _, gen := range []uint64{s.Cur.Gen, s.Old.Gen} {
			step(Exited{Gen: gen})
			step(Empty{gen})
		}
		if !s.Done() || !s.Deadline(p).IsZero() {
			t.Fatalf("not done: %+v", s)
		}
	})
}

// fuzzPolicy makes a policy, sensible or not, from one byte.
func fuzzPolicy(b byte) Policy {
	bit := func(n int) bool { return b>>n&1 == 1 }
	p := defaults()
	p.AutoRestart, p.WaitReady, p.Overlap, p.TreeKill = bit(0), bit(1), bit(2), bit(3)
	if bit(4) {
		p.ExpBackoff = 100 * time.Millisecond
	}
	if bit(5) {
		p.KillTimeout, p.ListenTimeout = 0, -time.Second
		p.DrainTimeout = time.Second
	}
	if bit(6) {
		p.RestartDelay, p.MinUptime, p.BackoffReset = -time.Second, 0, 0
	}
	p.Gated = b%5 == 0
	if bit(7) {
		p.MaxRestarts = int(b&7) - 1
	}
	return p
}
