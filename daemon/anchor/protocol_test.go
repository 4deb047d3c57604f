package anchor

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestHello(t *testing.T) {
	for text, want := range map[string]Hello{
		"hello 1 0 -":                   {1, 0, ""},
		"hello 1 3 signal 9 (killed)":   {1, 3, "signal 9 (killed)"},
		"hello 2 1 exit 1: no  \t disk": {2, 1, "exit 1: no  \t disk"},
		"hello 1 0":                     {1, 0, ""},
	} {
		got, ok := ParseHello(text)
		assert.True(t, ok, text)
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{"", "hello", "hello x 1 -", "hello 1 x -", "hello 0 1 -", "hello 1 -1 -", "hi 1 1 -"} {
		_, ok := ParseHello(text)
		assert.False(t, ok, text)
	}
	assert.Equal(t, "hello 1 2 exit 1: a b", Hello{1, 2, "exit 1: a\nb\n"}.String())
	assert.Less(t, len(Hello{1, 2, strings.Repeat("x", 1<<20)}.String()), MaxMessage)
}

func TestOrphan(t *testing.T) {
	got, ok := ParseOrphan("orphan 12 256 later words")
	assert.True(t, ok)
	assert.Equal(t, Orphan{12, 256}, got)
	for _, text := range []string{"", "orphan", "orphan 1", "orphan x 0", "orphan 1 x", "orphan 0 0", "orphan -1 0", "orphan 1 -1", "other 1 0"} {
		_, ok := ParseOrphan(text)
		assert.False(t, ok, text)
	}
}

func FuzzHello(f *testing.F) {
	f.Add("hello 1 3 signal 9 (killed)")
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
	f.Fuzz(func(t *testing.T, text string) {
		if o, ok := ParseOrphan(text); ok {
			if again, ok := ParseOrphan(o.String()); !ok || again != o {
				t.Fatalf("%q: %+v, then %+v", text, o, again)
			}
		}
	})
}
