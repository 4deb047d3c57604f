package trampoline

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSettingsSurviveTheTrip(t *testing.T) {
	score := -999
	for _, s := range []Settings{
		{},
		{ErrFD: 7},
		{ErrFD: 3, Rlimits: []Rlimit{{7, 0, ^uint64(0)}, {15, 1, 2}}, OOMScoreAdj: &score, User: &User{UID: 1<<32 - 2, GID: 5, Groups: []uint32{5, 6}}, Dir: "/a b\n\xff:d r"},
		{User: &User{}, Dir: "x"},
		{ListenPID: true, Dir: "l"},
		{ErrFD: 1, ListenPID: true},
		{ErrFD: 1, Join: []int{7, 8}, Dir: "g"},
	} {
		got, ok := Decode(s.Encode())
		require.True(t, ok, s.Encode())
		assert.Equal(t, s, got)
	}
}

func TestOtherTextIsRefused(t *testing.T) {
	for _, text := range []string{
		"", "e", "e-1", "e1 ", "e1  r1:2:3", " e1", "r1:2:3", "e1 e2", "e1 r1:2", "e1 r1:2:3:4", "e1 r256:1:1", "e1 o", "e1 ox", "e1 u1", "e1 u1:x",
		"e1 u1:2 u1:2", "e1 u4294967296:1", "e1 d", "e1 l1", "e1 x", "e1 g", "e1 g-1", "e1 gx", "e1 r1:2:18446744073709551616",
	} {
		_, ok := Decode(text)
		assert.False(t, ok, "%q", text)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("e3 r7:1:2 o-5 u1:2:3 d/x y")
	f.Add("e1  ")
	f.Fuzz(func(t *testing.T, text string) {
		s, ok := Decode(text)
		if !ok {
			return
		}
		again, ok := Decode(s.Encode())
		if !ok || !assert.ObjectsAreEqual(s, again) {
			t.Fatalf("%q: %+v became %+v", text, s, again)
		}
	})
}

func TestFailureSurvivesTheTrip(t *testing.T) {
	for _, f := range []Failure{{StageRlimit, 7, syscall.EPERM}, {StageExec, 0, syscall.ENOENT}, {StageJoin, 1, syscall.EINVAL}} {
		got, ok := ParseFailure(f.bytes())
		assert.True(t, ok)
		assert.Equal(t, f, got)
	}
	for _, b := range [][]byte{nil, {1}, {0, 0, 1, 0, 0, 0}, {9, 0, 1, 0, 0, 0}, {1, 0, 1, 0, 0, 0, 0}} {
		_, ok := ParseFailure(b)
		assert.False(t, ok, b)
	}
}

func FuzzParseFailure(f *testing.F) {
	f.Add(Failure{StageOOM, 1, syscall.EACCES}.bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, ok := ParseFailure(b); ok {
			assert.Equal(t, b, got.bytes())
		}
	})
}

func TestRunRefusesWhatItDoesNotKnow(t *testing.T) {
	assert.NotZero(t, Run(nil))
	assert.NotZero(t, Run([]string{Name, "nonsense", "/bin/true", "true"}))
}
