package journal

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, o Options) (*Journal, map[string]string) {
	t.Helper()
	j, found, err := Open(patient(o))
	require.NoError(t, err)
	t.Cleanup(func() { j.Close() })
	return j, texts(found)
}

// patient makes of o one whose disk is not tried again by itself, and whose reserve is cheap.
func patient(o Options) Options {
	o.retry, o.reserve = time.Hour, 64
	return o
}

func texts(f Found) map[string]string {
	m := map[string]string{}
	for k, v := range f.Values {
		m[k] = string(v)
	}
	return m
}

func set(key, value string) Record { return Record{Key: key, Value: []byte(value)} }

func gone(key string) Record { return Record{Key: key, Gone: true} }

func TestJournalGivesBackWhatWasAppended(t *testing.T) {
	dir := Dir(t.TempDir())
	j, found := open(t, Options{Files: dir})
	assert.Empty(t, found)
	j.Append(true, set("a", "1"), set("b", "2"))
	j.Append(false, set("a", "3"))
	j.Append(true, gone("b"), set("", ""), set("c", strings.Repeat("x", 100<<10)))
	require.NoError(t, j.Sync())
	want := map[string]string{"a": "3", "": "", "c": strings.Repeat("x", 100<<10)}

	_, found = open(t, Options{Files: dir}) // as after a kill: nothing was closed
	assert.Equal(t, want, found)
	require.NoError(t, j.Close())
	_, found = open(t, Options{Files: dir})
	assert.Equal(t, want, found)
}

func TestTornTailIsDroppedAndKeptAside(t *testing.T) {
	dir := t.TempDir()
	j, _ := open(t, Options{Files: Dir(dir)})
	j.Append(true, set("a", "1"))
	j.Append(true, set("b", "2"))
	require.NoError(t, j.Close())
	whole, err := os.ReadFile(filepath.Join(dir, fileName))
	require.NoError(t, err)
	for cut := range len(whole) - headerSize {
		require.NoError(t, os.WriteFile(filepath.Join(dir, fileName), whole[:len(whole)-cut], 0o600))
		j, found, err := Open(Options{Files: Dir(dir)})
		require.NoError(t, err)
		switch text := texts(found); {
		case cut == 0:
			assert.Equal(t, map[string]string{"a": "1", "b": "2"}, text)
			assert.Zero(t, found.Torn)
		case cut <= (len(whole)-headerSize)/2:
			assert.Equal(t, map[string]string{"a": "1"}, text, "cut %d", cut)
		default:
			assert.Empty(t, text, "cut %d", cut)
		}
		if found.Torn > 0 {
			kept, err := os.ReadFile(filepath.Join(dir, tornName))
			require.NoError(t, err)
			assert.Equal(t, whole[:len(whole)-cut], kept)
		}
		j.Append(true, set("z", "9"))
		require.NoError(t, j.Close())
		_, text := open(t, Options{Files: Dir(dir)})
		assert.Equal(t, "9", text["z"], "what comes after a torn tail counts")
	}
}

func TestNoBitFlipPassesUnnoticed(t *testing.T) {
	dir := t.TempDir()
	j, _ := open(t, Options{Files: Dir(dir)})
	for i := range 3 {
		j.Append(true, set("k", fmt.Sprint(i)))
	}
	require.NoError(t, j.Close())
	whole, err := os.ReadFile(filepath.Join(dir, fileName))
	require.NoError(t, err)
	for at := headerSize; at < len(whole); at++ {
		for bit := range 8 {
			bad := append([]byte(nil), whole...)
			bad[at] ^= 1 << bit
			r, err := read(&buffer{data: bad})
			require.NoError(t, err)
			assert.Less(t, r.end, int64(len(whole)), "byte %d bit %d", at, bit)
			assert.LessOrEqual(t, r.end, int64(at), "a frame with a wrong bit counts")
		}
	}
}

func TestWhatATornFrameLeftBehindIsNoSuccessor(t *testing.T) {
	// A frame fails to be written but for its second half, in which, by chance or malice, there is a whole frame. Where a
	// shorter one takes its place, the rest must not come to life.
	var evil []byte
	evil, _ = appendFrame(evil, 0, []Record{set("evil", "1")})
	d := newDisk()
	j, _ := open(t, Options{Files: d})
	j.Append(true, set("a", "1"))
	short, sum := appendFrame(nil, j.chain, []Record{set("b", "2")})
	_ = sum
	f := &diskFile{d, d.files[fileName]}
	f.put(append(make([]byte, len(short)), evil...), j.end)
	j.Append(true, set("b", "2"))
	_, found := open(t, Options{Files: d.afterKill()})
	assert.Equal(t, map[string]string{"a": "1", "b": "2"}, found)
}

func TestNewerFormatIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	head := []byte("weaver-journal 2 0000000000000001\nwhatever")
	require.NoError(t, os.WriteFile(filepath.Join(dir, fileName), head, 0o600))
	_, _, err := Open(Options{Files: Dir(dir)})
	require.ErrorContains(t, err, "newer")
	after, err := os.ReadFile(filepath.Join(dir, fileName))
	require.NoError(t, err)
	assert.Equal(t, head, after)
}

func TestWhatIsNoJournalIsKeptAside(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, fileName), []byte("garbage"), 0o600))
	j, found, err := Open(Options{Files: Dir(dir)})
	require.NoError(t, err)
	defer j.Close()
	assert.Empty(t, found.Values)
	assert.False(t, found.New)
	kept, err := os.ReadFile(filepath.Join(dir, tornName))
	require.NoError(t, err)
	assert.Equal(t, "garbage", string(kept))
	require.NoError(t, j.Problem())
}

func TestCompactionKeepsTheFileSmallAndTheStateWhole(t *testing.T) {
	dir := t.TempDir()
	j, _ := open(t, Options{Files: Dir(dir)})
	big := strings.Repeat("v", 4000)
	var appenders sync.WaitGroup
	for w := range 4 {
		appenders.Go(func() {
			for i := range 1000 {
				j.Append(i%10 == 0, set(fmt.Sprint("k", w), big+fmt.Sprint(i)), set(fmt.Sprint("once", w, "-", i), ""))
				j.Append(false, gone(fmt.Sprint("once", w, "-", i)))
				if i%100 == 0 {
					require.NoError(t, j.Sync())
				}
			}
		})
	}
	appenders.Wait()
	_, found := open(t, Options{Files: Dir(dir)})
	require.Len(t, found, 4)
	for w := range 4 {
		assert.Equal(t, big+"999", found[fmt.Sprint("k", w)])
	}
	require.NoError(t, j.Close())
	st, err := os.Stat(filepath.Join(dir, fileName))
	require.NoError(t, err)
	assert.Less(t, st.Size(), int64(4<<20), "16 MB were appended")
}

// life is a series of appends, each durable before the next, with compactions among them. states are what there is to be
// after so many of them.
func life(j *Journal, acked func(n int)) {
	for n := 1; n <= lifeLength; n++ {
		j.Append(true, set("n", fmt.Sprint(n)), set(fmt.Sprint("k", n%3), strings.Repeat("y", n)), gone(fmt.Sprint("k", (n+1)%3)))
		if j.Sync() == nil {
			acked(n)
		}
		if n%4 == 0 {
			_ = j.rewrite()
		}
	}
}

const lifeLength = 10

func stateAfter(n int) map[string]string {
	m := map[string]string{}
	for i := 1; i <= n; i++ {
		m["n"] = fmt.Sprint(i)
		m[fmt.Sprint("k", i%3)] = strings.Repeat("y", i)
		delete(m, fmt.Sprint("k", (i+1)%3))
	}
	return m
}

// isStateSince fails unless found is a state that was there after at least n appends.
func isStateSince(t *testing.T, n int, found map[string]string, what string) {
	t.Helper()
	for i := n; i <= lifeLength; i++ {
		if assert.ObjectsAreEqual(stateAfter(i), found) {
			return
		}
	}
	t.Errorf("%s: %v is no state since %d: %v", what, found, n, stateAfter(n))
}

func TestRecoveredStateIsTheOneBeforeOrTheOneAfter(t *testing.T) {
	points := 0
	for _, failure := range failures {
		for _, short := range []bool{false, true} {
			for n := 1; ; n++ {
				what := fmt.Sprintf("%s at %d, short %v", failure.name, n, short)
				d, memory := newDisk(), &keeper{}
				d.short, d.tears = short, short
				d.fails = failure.at(n)
				durable := 0
				var cuts []map[string]string // what a power cut right now would leave
				j, _, err := Open(patient(Options{Files: d, Memory: memory}))
				require.NoError(t, err, what)
				life(j, func(n int) {
					durable = n
					for _, renamed := range []bool{false, true} {
						cuts = append(cuts, recovered(t, Options{Files: d.afterPowerCut(renamed)}))
						isStateSince(t, durable, cuts[len(cuts)-1], what+", then power")
					}
				})
				reached := d.ops >= n
				isStateSince(t, durable, recovered(t, Options{Files: d.afterPowerCut(false)}), what+", power at the end")
				isStateSince(t, durable, recovered(t, Options{Files: d.afterPowerCut(true)}), what+", power at the end, renamed")
				isStateSince(t, lifeLength, recovered(t, Options{Files: d.afterKill(), Memory: memory}), what+", killed")
				j.Close()
				if !reached {
					break
				}
				points++
			}
		}
	}
	t.Logf("%d points of failure", points)
	assert.Greater(t, points, 300)
}

func recovered(t *testing.T, o Options) map[string]string {
	t.Helper()
	j, found, err := Open(patient(o))
	require.NoError(t, err)
	require.NoError(t, j.Close())
	return texts(found)
}

// TestKillBetweenAnyTwoCalls stops, rather than fails, at the n-th thing done to the disk: nothing is done after it.
func TestKillBetweenAnyTwoCalls(t *testing.T) {
	type killed struct{}
	for _, short := range []bool{false, true} {
		for n := 1; ; n++ {
			d, memory := newDisk(), &keeper{}
			d.short = short
			d.fails = func(op int, _ string) error {
				if op >= n {
					if short && op == n {
						return errPower // half of it, then the end
					}
					panic(killed{})
				}
				return nil
			}
			durable, died := 0, false
			func() {
				defer func() {
					if r := recover(); r != nil {
						if _, ok := r.(killed); !ok {
							panic(r)
						}
						died = true
					}
				}()
				j, _, err := Open(patient(Options{Files: d, Memory: memory}))
				require.NoError(t, err)
				life(j, func(n int) { durable = n })
				d.fails = func(int, string) error { return nil }
				j.Close()
			}()
			for _, after := range []*disk{d.afterKill(), d.afterPowerCut(false), d.afterPowerCut(true)} {
				isStateSince(t, durable, recovered(t, Options{Files: after, Memory: memory}), fmt.Sprintf("killed at %d", n))
			}
			if !died {
				break
			}
		}
	}
}

func TestFullDiskGetsTheReserve(t *testing.T) {
	d := newDisk()
	j, _ := open(t, Options{Files: d})
	require.Contains(t, d.files, reserveName)
	full := true
	d.fails = func(_ int, what string) error {
		if full && what == "write" && d.files[reserveName] != nil {
			return errFull
		}
		return nil
	}
	j.Append(true, set("a", "1"))
	require.NoError(t, j.Sync(), "the reserve was not used")
	require.NoError(t, j.Problem())
	_, found := open(t, Options{Files: d.afterPowerCut(false)})
	assert.Equal(t, map[string]string{"a": "1"}, found)
	full = false
	require.NoError(t, j.rewrite())
	assert.Contains(t, d.files, reserveName, "the reserve comes back with the next file")
}

func TestDiskThatRefusesIsToldAndTriedAgain(t *testing.T) {
	d, memory := newDisk(), &keeper{}
	var told []error
	j, _ := open(t, Options{Files: d, Memory: memory, Report: func(err error) { told = append(told, err) }})
	j.Append(true, set("a", "1"))
	require.NoError(t, j.Sync())
	d.fails = from(0, errors.New("the disk is gone"))
	j.Append(true, set("b", "2"))
	require.ErrorContains(t, j.Sync(), "the disk is gone")
	require.ErrorContains(t, j.Problem(), "the disk is gone")
	require.Len(t, told, 1)
	assert.Equal(t, map[string]string{"a": "1", "b": "2"}, recovered(t, Options{Files: d.afterKill(), Memory: &keeper{kept: memory.kept}}))

	d.fails = func(int, string) error { return nil }
	j.recover()
	require.NoError(t, j.Problem())
	require.NoError(t, j.Sync())
	require.Len(t, told, 2)
	assert.NoError(t, told[1])
	assert.Nil(t, memory.kept)
	assert.Equal(t, map[string]string{"a": "1", "b": "2"}, recovered(t, Options{Files: d.afterPowerCut(false)}))
}

func TestUnchangedStateCostsNoDisk(t *testing.T) {
	d := newDisk()
	j, _ := open(t, Options{Files: d})
	j.Append(true, set("a", "1"))
	require.NoError(t, j.Sync())
	before := d.ops
	require.NoError(t, j.Sync())
	assert.Equal(t, before, d.ops)
	j.Append(false, set("pid", "7"))
	require.NoError(t, j.Sync())
	assert.Equal(t, before+1, d.ops, "a record that is only written is not waited for")
}

var golden = flag.Bool("golden", false, "write testdata/v1 anew: only ever before a release, and not for a format that is out")

// TestFirstReleaseIsRead reads a journal that the first release wrote.
func TestFirstReleaseIsRead(t *testing.T) {
	name := filepath.Join("testdata", "v1")
	want := map[string]string{"process/0": `{"up":true}`, "process/2": "", "env/x": strings.Repeat("A=1\x00", 300)}
	if *golden {
		dir := t.TempDir()
		j, _ := open(t, Options{Files: Dir(dir)})
		j.Append(true, set("process/0", `{"up":false}`), set("process/1", "x"))
		j.Append(false, set("process/0", `{"up":true}`), gone("process/1"), set("env/x", want["env/x"]))
		require.NoError(t, j.rewrite())
		j.Append(false, set("process/2", ""), set("process/1", "y"))
		j.Append(false, gone("process/1"))
		require.NoError(t, j.Close())
		data, err := os.ReadFile(filepath.Join(dir, fileName))
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(name, data, 0o644))
	}
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, fileName), data, 0o600))
	j, found, err := Open(Options{Files: Dir(dir)})
	require.NoError(t, err)
	defer j.Close()
	assert.Equal(t, want, texts(found))
	assert.Zero(t, found.Torn)
}

func FuzzRead(f *testing.F) {
	data, err := os.ReadFile(filepath.Join("testdata", "v1"))
	require.NoError(f, err)
	f.Add(data)
	f.Add(data[:len(data)-3])
	f.Add([]byte("weaver-journal 1 0000000000000001\n\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := read(&buffer{data: data})
		if err != nil {
			return
		}
		for key, p := range r.index {
			_ = key
			_ = data[p.off : p.off+p.size]
		}
		// What was read is what a copy of it holds.
		c, err := newCopy(&buffer{}, r.number+1)
		require.NoError(t, err)
		require.NoError(t, c.add(r.file, r.index))
		again, err := read(c.file)
		require.NoError(t, err)
		require.Len(t, again.index, len(r.index))
		require.Equal(t, again.size, again.end)
	})
}

func BenchmarkAppend(b *testing.B) {
	j, _, err := Open(Options{Files: Dir(b.TempDir())})
	require.NoError(b, err)
	defer j.Close()
	value := []byte(strings.Repeat("s", 400))
	b.ReportAllocs()
	for b.Loop() {
		j.Append(false, Record{Key: "state/17", Value: value})
	}
}

func BenchmarkAppendSync(b *testing.B) {
	j, _, err := Open(Options{Files: Dir(b.TempDir())})
	require.NoError(b, err)
	defer j.Close()
	value := []byte(strings.Repeat("s", 400))
	for b.Loop() {
		j.Append(true, Record{Key: "state/17", Value: value})
		require.NoError(b, j.Sync())
	}
}
