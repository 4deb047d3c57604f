//go:build linux

package oracle

import (
	"bytes"
	"flag"
	"fmt"
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

	"github.com/stretchr/testify/require"
)

var (
	record = flag.Bool("record", false, "have PM2 ($WEAVER_TEST_PM2) answer every session that is new or has changed")
	anew   = flag.Bool("anew", false, "with -record: every session")
	accept = flag.Bool("accept", false, "take weaver's answers for those steps that are marked to differ")
	live   = flag.Int("live", 0, "have PM2 answer this many sessions, picked at random, and compare with what is recorded")
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

// TestRecord asks PM2.
func TestRecord(t *testing.T) {
	if !*record {
		t.Skip("-record is not given")
	}
	needs(t)
	pm2 := pm2Path(t)
	type job struct {
		b *book
		s *session
	}
	var jobs []job
	all := books(t)
	for _, b := range all {
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
	queue := make(chan job)
	var mu sync.Mutex
	var wg sync.WaitGroup
	count := 0
	for w := range n {
		wg.Go(func() {
			var st *stage
			end := func() {
				if st != nil {
					st.end(*keep)
					st = nil
				}
			}
			defer func() { end() }()
			for j := range queue {
				var err error
				if j.s.fresh {
					end()
				}
				if st == nil {
					if st, err = newStage(w, pm2, filepath.Join(data, "apps")); err != nil {
						t.Error(err)
						return
					}
					st.npm = true
				}
				answers, err := st.play(j.s)
				if err != nil {
					t.Errorf("%s: %v", j.s.name, err)
					end()
					continue
				}
				if slices.ContainsFunc(answers, func(a answer) bool { return a["code"] == "-1" || a["code"] == "no end" }) {
					t.Errorf("%s: a command was killed: %v", j.s.name, answers)
					end()
					continue
				}
				if err := st.empty(); err != nil || j.s.fresh {
					end()
				}
				mu.Lock()
				j.b.pm2[j.s.name] = &recording{j.s.name, j.s.key(), answers}
				j.b.write(t, "recorded", j.b.pm2)
				count++
				fmt.Printf("%d/%d %s\n", count, len(jobs), j.s.name)
				mu.Unlock()
			}
		})
	}
	for _, j := range jobs {
		queue <- j
	}
	close(queue)
	wg.Wait()
}

// weaverBin builds weaver once.
var weaverBin = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "weaver-oracle")
	if err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-tags", "urfave_cli_no_docs,urfave_cli_no_suggest", "-o", dir, "weaver/cmd/weaver", "weaver/cmd/weaverd")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build weaver: %w\n%s", err, out)
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if dir, err := weaverBin(); err == nil {
		os.RemoveAll(dir)
	}
	os.Exit(code)
}

// TestSessions replays every session against weaver.
func TestSessions(t *testing.T) {
	if *record {
		t.Skip("PM2 is being asked")
	}
	if !*every && *only == "" {
		t.Skip("-all is not given: make oracle-check")
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
	slots := make(chan int, n)
	for i := range n {
		slots <- i
	}
	// A machine that is busy with something else gets through some of them only: others each time.
	latest := time.Now().Add(time.Hour)
	if d, ok := t.Deadline(); ok {
		latest = time.Now().Add(time.Until(d) / 2)
	}
	all := books(t)
	for _, b := range all {
		rand.Shuffle(len(b.sessions), func(i, j int) { b.sessions[i], b.sessions[j] = b.sessions[j], b.sessions[i] })
	}
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	var mu sync.Mutex
	t.Run("all", func(t *testing.T) {
		for _, b := range all {
			for _, s := range b.sessions {
				if !b.wants(s) {
					continue
				}
				t.Run(b.name+"/"+s.name, func(t *testing.T) {
					t.Parallel()
					slot := <-slots
					defer func() { slots <- slot }()
					if time.Now().After(latest) {
						t.Skip("the time is up: this machine is busy")
					}
					rec := b.pm2[s.name]
					if rec == nil || rec.key != s.key() {
						t.Skip("PM2 was not asked about this session, or about another form of it: make oracle")
					}
					st, err := newStage(100+slot, filepath.Join(bin, "weaver"), filepath.Join(data, "apps"))
					require.NoError(t, err)
					defer st.end(*keep)
					got, err := st.play(s)
					require.NoError(t, err)
					mu.Lock()
					defer mu.Unlock()
					b.compare(t, s, rec, got, string(page))
				})
			}
		}
	})
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

// compare compares weaver's answers with PM2's, and those that are marked to differ with weaver's own of before.
func (b *book) compare(t *testing.T, s *session, rec *recording, got []answer, page string) {
	before := b.weaver[s.name]
	mine := &recording{name: s.name, answers: make([]answer, len(got))}
	marked := false
	for i, st := range s.steps {
		mine.answers[i] = answer{}
		for part, reason := range st.differs {
			if !strings.Contains(page, reason) {
				t.Errorf("%s\n! %s: %s: docs/pm2.md has no such words", st.line, part, reason)
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
					t.Errorf("%s\n%s lacks:\n%s", st.line, part, strings.Join(missing, "\n")+"\n\nit has:\n"+have)
				} else if same {
					t.Errorf("%s\n%s is marked to have more, and has not", st.line, part)
				}
				continue
			}
			if st.differs[part] == "" {
				if !same {
					t.Errorf("%s\n%s:\n%s", st.line, part, diff(want, have))
				}
				continue
			}
			marked = true
			mine.answers[i][part] = have
			switch {
			case same:
				t.Errorf("%s\n%s is marked to differ, and does not", st.line, part)
			case *accept:
			case before == nil || i >= len(before.answers):
				t.Errorf("%s\n%s: weaver's answer is not recorded: go test ./pm2/oracle -accept\n%s", st.line, part, diff(want, have))
			case strings.TrimRight(before.answers[i][part], "\n") != strings.TrimRight(have, "\n"):
				t.Errorf("%s\n%s: not what weaver said before:\n%s", st.line, part, diff(before.answers[i][part], have))
			}
		}
	}
	if *accept {
		delete(b.weaver, s.name)
		if marked {
			b.weaver[s.name] = mine
		}
	}
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
	pm2 := pm2Path(t)
	type job struct {
		b *book
		s *session
	}
	var jobs []job
	for _, b := range books(t) {
		for _, s := range b.sessions {
			if b.wants(s) {
				jobs = append(jobs, job{b, s})
			}
		}
	}
	rand.Shuffle(len(jobs), func(i, j int) { jobs[i], jobs[j] = jobs[j], jobs[i] })
	for _, j := range jobs[:min(*live, len(jobs))] {
		t.Run(j.b.name+"/"+j.s.name, func(t *testing.T) {
			st, err := newStage(90, pm2, filepath.Join(data, "apps"))
			require.NoError(t, err)
			st.npm = true
			defer st.end(*keep)
			got, err := st.play(j.s)
			require.NoError(t, err)
			rec := j.b.pm2[j.s.name]
			require.NotNil(t, rec)
			for i, st := range j.s.steps {
				for _, part := range parts {
					if strings.TrimRight(rec.answers[i][part], "\n") != strings.TrimRight(got[i][part], "\n") {
						t.Errorf("%s\n%s:\n%s", st.line, part, diff(rec.answers[i][part], got[i][part]))
					}
				}
			}
		})
	}
}
