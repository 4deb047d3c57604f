package anchor

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestHello(t *testing.T) {
	for text, want := range map[string]Hello{
		"hello 1 0 -":                              {Protocol: 1},
		"hello 1 3 signal 9 (killed)":              {Protocol: 1, Restarts: 3, Last: "signal 9 (killed)"},
		"hello 2 1 - exit 1: no  \t disk":          {Protocol: 2, Restarts: 1, Last: "exit 1: no  \t disk"},
		"hello 2 4 skip-tail -":                    {Protocol: 2, Restarts: 4, SkipTail: true},
		"hello 9 4 previous,else,skip-tail exit 1": {Protocol: 9, Restarts: 4, SkipTail: true, Previous: true, Last: "exit 1"},
		"hello 1 0":                                {Protocol: 1},
		"hello 2 0":                                {Protocol: 2},
	} {
		got, ok := ParseHello(text)
		assert.True(t, ok, text)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "hello", "hello x 1 -", "hello 1 x -", "hello 0 1 -", "hello 1 -1 -", "hi 1 1 -"} {
		_, ok := ParseHello(text)
		assert.False(t, ok, text)
	}
	assert.Equal(t, "hello 1 2 exit 1: a b", Hello{Protocol: 1, Restarts: 2, Last: "exit 1: a\nb\n"}.String())
	assert.Equal(t, "hello 2 2 skip-tail,previous exit 1", Hello{2, 2, "exit 1", true, true}.String())
	assert.Less(t, len(Hello{Protocol: 2, Restarts: 2, Last: strings.Repeat("x", 1<<20)}.String()), MaxMessage)
}

func TestOrphan(t *testing.T) {
	got, ok := ParseOrphan("orphan 12 256 later words")
	assert.True(t, ok)
	assert.Equal(t, Orphan{PID: 12, Status: 256}, got, "of the first protocol, or a later one")
	got, ok = ParseOrphan("orphan 12 256 99 later words")
	assert.True(t, ok)
	assert.Equal(t, Orphan{12, 256, 99}, got)
	assert.Equal(t, "orphan 12 256 99", got.String())
	for _, text := range []string{"", "orphan", "orphan 1", "orphan x 0", "orphan 1 x", "orphan 0 0", "orphan -1 0", "orphan 1 -1", "other 1 0"} {
		_, ok := ParseOrphan(text)
		assert.False(t, ok, text)
	}
}

func FuzzHello(f *testing.F) {
	f.Add("hello 1 3 signal 9 (killed)")
	f.Add("hello 2 3 skip-tail,previous signal 9 (killed)")
	f.Fuzz(func(t *testing.T, text string) {
		h, ok := ParseHello(text)
		if !ok {
			return
		}
		h.Last = oneLine(h.Last)
		again, ok := ParseHello(h.String())
		if h.Last == "-" {
			h.Last = ""
		}
		if !ok || again != h {
			t.Fatalf("%q: %+v, then %+v", text, h, again)
		}
	})
}

func FuzzOrphan(f *testing.F) {
	f.Add("orphan 12 256")
	f.Add("orphan 12 256 99")
	f.Fuzz(func(t *testing.T, text string) {
		if o, ok := ParseOrphan(text); ok {
			if again, ok := ParseOrphan(o.String()); !ok || again != o {
				t.Fatalf("%q: %+v, then %+v", text, o, again)
			}
		}
	})
}

func FuzzListing(f *testing.F) {
	f.Add("fd 7 log/1/2/out\nlock 4\ncontrol 3\nsupervisor 12\nprotocol 2\nready 1\nrestarts 2\nwatchdog 10000\nlast exit 1\n")
	f.Fuzz(func(t *testing.T, text string) {
		l := ParseListing(text)
		again := ParseListing(l.String())
		if l.Control < 0 {
			l.PID, l.Protocol, l.Ready = 0, 0, false
		}
		assert.Equal(t, l, again)
	})
}

func TestNames(t *testing.T) {
	for name, good := range map[string]bool{
		"log/1/2/out": true, "x": true, "": false, "a b": false, "a\n": false, "a\x00": false, "ä": false,
		strings.Repeat("x", MaxName): true, strings.Repeat("x", MaxName+1): false,
	} {
		assert.Equal(t, good, ValidName(name), "%q", name)
	}
}
