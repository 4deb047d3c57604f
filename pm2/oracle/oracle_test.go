//go:build linux

package oracle

import (
	"bytes"
	"flag"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	record = flag.Bool("record", false, "have PM2 ($WEAVER_TEST_PM2) answer every session that is new or has changed")
	span   = flag.Duration("for", time.Hour, "with -record: begin no session later than this")
	anew   = flag.Bool("anew", false, "with -record: every session")
	accept = flag.Bool("accept", false, "take weaver's answers for those steps that are marked to differ")
	live   = flag.Int("live", 0, "have PM2 answer this many sessions, picked at random, and compare with what is recorded")
	seed   = flag.Uint64("seed", 0, "with -live: which ones; 0 is other ones each time")
	only   = flag.String("sessions", "", "pattern of FILE/SESSION")
	every  = flag.Bool("all", false, "replay every session")
	keep   = flag.Bool("keep", false, "leave the stages behind")
	side   = flag.Int("side", 0, "sessions at a time")
)

const data = "../../testdata/oracle"

// book is a file of sessions with the answers recorded for it.
type book struct {
	name     string
	sessions []*session
	pm2      map[string]*recording
	weaver   map[string]*recording
}

func (b *book) file(kind string) string { return filepath.Join(data, kind, b.name+".txt") }

func books(t *testing.T) []*book {
	paths, err := filepath.Glob(filepath.Join(data, "*.txt"))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	var all []*book
	for _, path := range paths {
		b := &book{name: strings.TrimSuffix(filepath.Base(path), ".txt")}
		b.sessions, err = readSessions(path)
		require.NoError(t, err)
		b.pm2, err = readRecordings(b.file("recorded"))
		require.NoError(t, err)
		b.weaver, err = readRecordings(b.file("weaver"))
		require.NoError(t, err)
		all = append(all, b)
	}
	return all
}

// write writes the recordings of the book's sessions, in the book's order.
func (b *book) write(t *testing.T, kind string, all map[string]*recording) {
	var out bytes.Buffer
	for _, s := range b.sessions {
		if r := all[s.name]; r != nil {
			r.append(&out)
		}
	}
	if out.Len() == 0 {
		os.Remove(b.file(kind))
		return
	}
	require.NoError(t, os.MkdirAll(filepath.Dir(b.file(kind)), 0o755))
	require.NoError(t, os.WriteFile(b.file(kind), out.Bytes(), 0o644))
}

func (b *book) wants(s *session) bool {
	return *only == "" || regexp.MustCompile(*only).MatchString(b.name+"/"+s.name)
}

// needs skips a test of sessions that need programs which are not here.
func needs(t *testing.T) {
	for _, name := range []string{"node", "python3", "sh"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("the sessions need %s", name)
		}
	}
}

func pm2Path(t *testing.T) string {
	path := os.Getenv("WEAVER_TEST_PM2")
	if path == "" {
		t.Skip("WEAVER_TEST_PM2 does not name npm's pm2")
	}
	return path
}

// cast plays sessions with one program, on stages that serve for many: a daemon is started once, and emptied between
// sessions.
type cast struct {
	program string
	npm     bool
	stages  chan *stage // of each place; one without a directory has still to be made
}

// newCast makes a cast that plays n sessions at a time, on stages numbered from first.
func newCast(program string, npm bool, first, n int) *cast {
	c := &cast{program, npm, make(chan *stage, n)}
	for i := range n {
		c.stages <- &stage{number: first + i, npm: npm}
	}
	return c
}

func (c *cast) end() {
	for range cap(c.stages) {
		st := <-c.stages
		st.end(*keep)
	}
}

// play runs a session on the next stage that is free.
func (c *cast) play(ses *session) ([]answer, error) {
	st := <-c.stages
	defer func() { c.stages <- st }()
	if ses.fresh {
		st.end(*keep)
	}
	if err := st.build(c.program, filepath.Join(data, "apps")); err != nil {
		return nil, err
	}
	answers, err := st.play(ses)
	if err != nil || ses.fresh || st.empty() != nil {
		st.end(*keep)
	}
	return answers, err
}

// job is one session to be played.
type job struct {
	b *book
	s *session
}

// TestRecord asks PM2.
func TestRecord(t *testing.T) {
	if !*record {
		t.Skip("-record is not given")
	}
	needs(t)
	pm2 := pm2Path(t)
	var jobs []job
	for _, b := range books(t) {
		for _, s := range b.sessions {
			old := b.pm2[s.name]
			if b.wants(s) && (*anew || old == nil || old.key != s.key()) {
				jobs = append(jobs, job{b, s})
			}
		}
	}
	rand.Shuffle(len(jobs), func(i, j int) { jobs[i], jobs[j] = jobs[j], jobs[i] }) // what is broken shows early
	n := *side
	if n == 0 {
		n = 2
	}
	c := newCast(pm2, true, 0, n)
	defer c.end()
	var mu sync.Mutex
	var wg sync.WaitGroup
	count := 0
	queue := make(chan job)
	for range n {
		wg.Go(func() {
			for j := range queue {
				answers, err := c.play(j.s)
				if err != nil {
					t.Errorf("%s: %v", j.s.name, err)
					continue
				}
				if slices.ContainsFunc(answers, func(a answer) bool { return a["code"] == "-1" || a["code"] == "no end" }) {
					t.Errorf("%s: a command was killed: %v", j.s.name, answers)
					continue
				}
				mu.Lock()
				j.b.pm2[j.s.name] = &recording{j.s.name, j.s.key(), answers}
				j.b.write(t, "recorded", j.b.pm2)
				count++
				fmt.Printf("%d %s/%s\n", count, j.b.name, j.s.name)
				mu.Unlock()
			}
		})
	}
	for begin := time.Now(); len(jobs) > 0 && time.Since(begin) < *span; jobs = jobs[1:] {
		queue <- jobs[0]
	}
	close(queue)
	wg.Wait()
}

// built is where weaverBin has put weaver.
var built string

// weaverBin builds weaver once.
var weaverBin = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "weaver-oracle")
	if err != nil {
		return "", err
	}
	built = dir
	cmd := exec.Command("go", "build", "-tags", "urfave_cli_no_docs,urfave_cli_no_suggest", "-o", dir, "weaver/cmd/weaver", "weaver/cmd/weaverd", "weaver/cmd/weaver-js")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build weaver: %w\n%s", err, out)
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if built != "" {
		os.RemoveAll(built)
	}
	os.Exit(code)
}

// TestSessions replays sessions against weaver: a sixth of them, others each day, or with -all all.
func TestSessions(t *testing.T) {
	if *record {
		t.Skip("PM2 is being asked")
	}
	if testing.Short() && !*every && *only == "" {
		t.Skip("-short")
	}
	needs(t)
	bin, err := weaverBin()
	require.NoError(t, err)
	page, err := os.ReadFile("../../docs/pm2.md")
	require.NoError(t, err)
	n := *side
	if n == 0 {
		n = max(4, 2*runtime.NumCPU())
	}
	c := newCast(filepath.Join(bin, "weaver"), false, 100, n)
	defer c.end()
	all := books(t)
	var jobs []job
	for _, b := range all {
		for _, s := range b.sessions {
			if *every || *only != "" && b.wants(s) || *only == "" && isDue(b.name+"/"+s.name, time.Now()) {
				jobs = append(jobs, job{b, s})
			}
		}
	}
	// A machine that is busy with something else gets through some of them only: others each time.
	latest := time.Now().Add(time.Hour)
	if d, ok := t.Deadline(); ok {
		latest = time.Now().Add(time.Until(d) * 3 / 4)
	}
	rand.Shuffle(len(jobs), func(i, j int) { jobs[i], jobs[j] = jobs[j], jobs[i] })
	var mu sync.Mutex
	var again []job
	late := 0
	t.Run("all", func(t *testing.T) {
		for _, j := range jobs {
			t.Run(j.b.name+"/"+j.s.name, func(t *testing.T) {
				t.Parallel()
				rec := j.b.pm2[j.s.name]
				if rec == nil || rec.key != j.s.key() {
					t.Skip("PM2 was not asked about this session, or about another form of it: make oracle")
				}
				if j.s.module && os.Getenv("WEAVER_TEST_PM2") == "" {
					t.Skip("WEAVER_TEST_PM2 does not name npm's pm2, which its programs load")
				}
				if time.Now().After(latest) {
					mu.Lock()
					late++
					mu.Unlock()
					t.Skip("the time is up: this machine is busy")
				}
				problems := j.replay(c, &mu, string(page))
				if len(problems) == 0 {
					return
				}
				mu.Lock()
				defer mu.Unlock()
				again = append(again, j)
				t.Logf("played again at the end, since it differs:\n%s", strings.Join(problems, "\n"))
			})
		}
	})
	// What differs on a busy machine and is equal when it is alone is told, and is no failure as long as it is rare.
	t.Run("again", func(t *testing.T) {
		for _, j := range again {
			t.Run(j.b.name+"/"+j.s.name, func(t *testing.T) {
				problems := j.replay(c, &mu, string(page))
				for _, p := range problems {
					t.Error(p)
				}
				if len(problems) == 0 {
					fmt.Printf("unsteady: session %s/%s differed at first\n", j.b.name, j.s.name)
				}
			})
		}
		assert.LessOrEqual(t, len(again), mostUnsteady, "sessions that differed at first")
	})
	t.Logf("%d sessions played, %d left out for want of time", len(jobs)-late, late)
	if *accept {
		for _, b := range books(t) { // in their order
			for _, mine := range all {
				if mine.name == b.name {
					b.write(t, "weaver", mine.weaver)
				}
			}
		}
	}
}

// mostUnsteady bounds the sessions that may differ when they are played beside others, and not when they are played alone.
const mostUnsteady = 6

// replay plays the session and tells in what its answers are not those that it should have.
func (j job) replay(c *cast, mu *sync.Mutex, page string) []string {
	got, err := c.play(j.s)
	if err != nil {
		return []string{err.Error()}
	}
	mu.Lock()
	defer mu.Unlock()
	return j.b.compare(j.s, j.b.pm2[j.s.name], got, page)
}

// isDue says whether a session is played on a day.
func isDue(name string, day time.Time) bool {
	const parts = 6
	return crc32.ChecksumIEEE([]byte(name))%parts == uint32(day.YearDay()%parts)
}

// compare compares weaver's answers with PM2's, and those that are marked to differ with weaver's own of before. It returns what is not as it should be.
func (b *book) compare(s *session, rec *recording, got []answer, page string) (problems []string) {
	problem := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	before := b.weaver[s.name]
	mine := &recording{name: s.name, answers: make([]answer, len(got))}
	marked := false
	for i, st := range s.steps {
		mine.answers[i] = answer{}
		for part, reason := range st.differs {
			if !strings.Contains(page, reason) {
				problem("%s\n! %s: %s: docs/pm2.md has no such words", st.line, part, reason)
			}
		}
		for _, part := range parts {
			want, has := rec.answers[i][part]
			have, given := got[i][part]
			if !has && !given {
				continue
			}
			same := strings.TrimRight(want, "\n") == strings.TrimRight(have, "\n")
			if part == "stdout" && st.differs["more"] != "" {
				if missing := lacking(want, have); len(missing) > 0 {
					problem("%s\n%s lacks:\n%s", st.line, part, strings.Join(missing, "\n")+"\n\nit has:\n"+have)
				} else if same {
					problem("%s\n%s is marked to have more, and has not", st.line, part)
				}
				continue
			}
			if st.differs[part] == "" {
				if !same {
					problem("%s\n%s:\n%s", st.line, part, diff(want, have))
				}
				continue
			}
			marked = true
			mine.answers[i][part] = have
			switch {
			case same:
				problem("%s\n%s is marked to differ, and does not", st.line, part)
			case *accept:
			case before == nil || i >= len(before.answers):
				problem("%s\n%s: weaver's answer is not recorded: go test ./pm2/oracle -accept\n%s", st.line, part, diff(want, have))
			case strings.TrimRight(before.answers[i][part], "\n") != strings.TrimRight(have, "\n"):
				problem("%s\n%s: not what weaver said before:\n%s", st.line, part, diff(before.answers[i][part], have))
			}
		}
	}
	if *accept {
		delete(b.weaver, s.name)
		if marked {
			b.weaver[s.name] = mine
		}
	}
	return problems
}

// lacking are the lines of want that have has not, in their order.
func lacking(want, have string) []string {
	lines := strings.Split(have, "\n")
	var out []string
	for line := range strings.SplitSeq(want, "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		if at := slices.Index(lines, line); at >= 0 {
			lines = lines[at+1:]
		} else {
			out = append(out, line)
		}
	}
	return out
}

// diff shows the lines that only one of two texts has, - wanted, + had, by a longest common subsequence.
func diff(want, have string) string {
	a, b := strings.Split(strings.TrimRight(want, "\n"), "\n"), strings.Split(strings.TrimRight(have, "\n"), "\n")
	if len(a) > 2000 || len(b) > 2000 {
		return "-" + want + "\n+" + have
	}
	lcs := make([][]int, len(a)+1)
	for i := range lcs {
		lcs[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				lcs[i][j] = lcs[i+1][j+1] + 1
			} else {
				lcs[i][j] = max(lcs[i+1][j], lcs[i][j+1])
			}
		}
	}
	var out strings.Builder
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && lcs[i+1][j] >= lcs[i][j+1]:
			fmt.Fprintf(&out, "  - %s\n", a[i])
			i++
		default:
			fmt.Fprintf(&out, "  + %s\n", b[j])
			j++
		}
	}
	return out.String()
}

// TestLive asks PM2 again about some sessions: what is recorded is what it says.
func TestLive(t *testing.T) {
	if *live == 0 {
		t.Skip("-live is not given")
	}
	needs(t)
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d: go test ./pm2/oracle -run Live -live %d -seed %d", *seed, *live, *seed)
	var jobs []job
	for _, b := range books(t) {
		for _, s := range b.sessions {
			if b.wants(s) && b.pm2[s.name] != nil {
				jobs = append(jobs, job{b, s})
			}
		}
	}
	r := rand.New(rand.NewPCG(*seed, 0))
	r.Shuffle(len(jobs), func(i, j int) { jobs[i], jobs[j] = jobs[j], jobs[i] })
	c := newCast(pm2Path(t), true, 90, 2)
	defer c.end()
	t.Run("all", func(t *testing.T) {
		for _, j := range jobs[:min(*live, len(jobs))] {
			t.Run(j.b.name+"/"+j.s.name, func(t *testing.T) {
				t.Parallel()
				for asked := 1; ; asked++ {
					otherwise := j.otherwise(c)
					if otherwise == "" {
						return
					}
					if asked == askings {
						t.Errorf("PM2 was asked %d times, and never answered what is recorded:\n%s", asked, otherwise)
						return
					}
					t.Logf("PM2 is asked again, since it answered:\n%s", otherwise)
				}
			})
		}
	})
}

// askings is how often PM2 is asked before it is said not to answer what is recorded. It does not always say the same: what
// it tells of a process that ends at once depends on what it comes to first.
const askings = 4

// otherwise plays the session and tells in what its answers are not those that are recorded.
func (j job) otherwise(c *cast) string {
	got, err := c.play(j.s)
	if err != nil {
		return err.Error()
	}
	var out strings.Builder
	rec := j.b.pm2[j.s.name]
	for i, st := range j.s.steps {
		for _, part := range parts {
			if strings.TrimRight(rec.answers[i][part], "\n") != strings.TrimRight(got[i][part], "\n") {
				fmt.Fprintf(&out, "%s\n%s:\n%s", st.line, part, diff(rec.answers[i][part], got[i][part]))
			}
		}
	}
	return out.String()
}
