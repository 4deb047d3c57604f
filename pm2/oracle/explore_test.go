//go:build linux

package oracle

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var (
	explore = flag.Int("explore", 0, "play this many random sessions with PM2 and with weaver, from -seed on")
	from    = flag.String("from", "", "with -explore: the sessions of this file instead")
)

// known is a difference that weaver means to have: lines of an answer that only one of the two has, after a command that
// matches, and words of the row of docs/pm2.md.
type known struct{ command, line, row string }

var intended = []known{
	{`^list`, `^[-+] +exit_code: `, "of before"},
	{`^list`, `^[-+] +([ug]id: (0|"root")|filter_env: \[\]|watch: false|(max_restarts|restart_delay|merge_logs|max_memory_restart): (0|false|null))$`, "what changes nothing is not kept"},
	{`^list`, `^[-+] +instances: `, "writes 4 into the record"},
	{`pm2 `, `^([-] \[PM2\] cron restart at|[+] \[PM2\]\[ERROR\] Cron pattern error)`, "with a pattern that is none"},
	{`^list`, `^- +force: true$`, "stays in the record | it does not"},
	{`pm2 .*(stop|delete|kill)`, `^[-+] \[PM2\] \[.*\]\(\d+\) ✓$`, "call what is errored"},
	{`pm2 `, `^[-+] .*(ended before it was ready|exec format error|is not executable)`, "the error is told, exit 1"},
	{`^list`, `^- +unstable_restarts: `, "within `min_uptime` of a start"},
	{`^list`, `^\+ +unstable_restarts: 0`, "within `min_uptime` of a start"},
	{`^list`, `^- +(script|out_file|pid_file|updateEnv|updateEnv=.*|error_file|log_file)(: .*)?$`, "after a restart by a file the record"},
	{`^(list|seen)`, `^[-+] +[ug]id[=:]`, "the gid of a `uid`"},
	{`^list`, `^- +cron_restart: 0$`, "`cron_restart: 0`"},
	{`^seen`, `^- +version=`, "sees its `version` at once"},
	{`^list`, `^- +\d+[:=] ?".?"$`, "gives it the variables"},
	{`^list`, `^[-+] +filter_env: `, "restart and reload reset `merge_logs`"},
	{`^home`, `^[-+] (logs|pids) dir$`, "every command makes the directories"},
	{`pm2 (describe|show|info|desc) `, `^([-+] [01]|- .*doesn't exist)$`, "`describe` takes names and ids"},
	{`pm2 flush`, `^[-+] \[PM2\] (/dev/null|Flushing:)$`, "of the files of each process"},
	{`pm2 reset`, `^[-+] (Unknown process name|\[PM2\].*)$`, "`flush` and `reset` take"},
	{`^list`, `^[-+] +merge_logs: true$`, "restart and reload reset `merge_logs`"},
	{`^list`, `^[-+] +(log_file|out_file|error_file|pid_file): `, "are ignored at restart"},
	{`--gid`, `User undefined cannot be found`, "`gid` without `uid`"},
	{`pm2 flush`, `^- \[PM2\] Flushing .*/h/pm2.log$`, "the supervisor's own log is kept"},
	{`--cwd`, `^([-] .*Script not found|[+] .*cwd .*no such file)`, "a missing `cwd`"},
	{`pm2 reset `, `^[-+] +(Error: .* id unknown|at .*|\[PM2\]\[ERROR\] .*|\d+ : id unknown|[01]|[┌│└].*)$`, "`reset` of an id that is not there"},
}

// TestExplore plays sessions that nobody wrote, and tells where weaver answers otherwise than PM2. What differs is played
// again: PM2 does not always answer the same.
func TestExplore(t *testing.T) {
	if *explore == 0 && *from == "" {
		t.Skip("-explore is not given")
	}
	needs(t)
	npm := pm2Path(t)
	bin, err := weaverBin()
	require.NoError(t, err)
	page, err := os.ReadFile("../../docs/pm2.md")
	require.NoError(t, err)
	for _, k := range intended {
		require.Contains(t, string(page), k.row)
	}
	if *seed == 0 {
		*seed = uint64(time.Now().Unix())
	}
	var all []*session
	if *from != "" {
		all, err = readSessions(*from)
		require.NoError(t, err)
		all = slices.DeleteFunc(all, func(s *session) bool { return *only != "" && !regexp.MustCompile(*only).MatchString(s.name) })
	} else {
		for i := range uint64(*explore) {
			all = append(all, randomSession(*seed+i))
		}
	}
	n := max(*side, 2)
	theirs, ours := newCast(npm, true, 200, n), newCast(filepath.Join(bin, "weaver"), false, 300, n)
	defer theirs.end()
	defer ours.end()
	var wg sync.WaitGroup
	queue := make(chan *session)
	var mu sync.Mutex
	for range n {
		wg.Go(func() {
			for s := range queue {
				found, err := differences(theirs, ours, s)
				mu.Lock()
				switch {
				case err != nil:
					t.Errorf("%s: %v", s.name, err)
				case found != "":
					t.Fail()
					fmt.Printf("%s\n%s\n", s, found) // at once: it takes long
				default:
					fmt.Printf("ok %s\n", s.name)
				}
				mu.Unlock()
			}
		})
	}
	began, played := time.Now(), 0
	for _, s := range all {
		if time.Since(began) > *span {
			break
		}
		queue <- s
		played++
	}
	close(queue)
	wg.Wait()
	t.Logf("%d sessions played, from seed %d on", played, *seed)
}

// differences plays a session with both, and once more what differs.
func differences(theirs, ours *cast, s *session) (string, error) {
	var pm2, weaver [][]answer
	for range 2 {
		answers := make([][]answer, 2)
		errs := make([]error, 2)
		var wg sync.WaitGroup
		for i, c := range []*cast{theirs, ours} {
			wg.Go(func() {
				answers[i], errs[i] = c.play(s)
				calm(s, answers[i])
			})
		}
		wg.Wait()
		for i, err := range errs {
			if err != nil {
				return "", fmt.Errorf("%s: %w", []string{"pm2", "weaver"}[i], err)
			}
		}
		pm2, weaver = append(pm2, answers[0]), append(weaver, answers[1])
		if unlike(s, pm2, weaver) == "" {
			return "", nil
		}
	}
	return unlike(s, pm2, weaver), nil
}

// unlike tells what differs between what PM2 and weaver ever answered.
func unlike(s *session, pm2, weaver [][]answer) string {
	var out strings.Builder
	for i, st := range s.steps {
		for _, part := range parts {
			if d := unlikePart(st.line, part, i, pm2, weaver); d != "" {
				fmt.Fprintf(&out, "@ %d %s\n%s:\n%s", i, st.line, part, d)
			}
		}
	}
	return out.String()
}

func unlikePart(line, part string, step int, pm2, weaver [][]answer) string {
	d := ""
	for _, p := range pm2 {
		for _, w := range weaver {
			want, have := strings.TrimRight(p[step][part], "\n"), strings.TrimRight(w[step][part], "\n")
			if want == have || part == "stdout" && describes.MatchString(line) && len(lacking(want, have)) == 0 {
				return ""
			}
			if d = diff(want, have); isIntended(line, d) {
				return ""
			}
		}
	}
	return d
}

// describes are the commands whose answers have more at their end.
var describes = regexp.MustCompile(`pm2 (describe|show|info|desc) `)

func isIntended(command, d string) bool {
	for line := range strings.Lines(d) {
		if !slices.ContainsFunc(intended, func(k known) bool {
			return regexp.MustCompile(k.command).MatchString(command) && regexp.MustCompile(k.line).MatchString(strings.TrimSpace(line))
		}) {
			return false
		}
	}
	return true
}

var (
	row   = regexp.MustCompile(`^│.*disabled │$`)
	state = regexp.MustCompile(`│ \d+ │ (online|stopped|errored|launching|stopping|waiting restart|\[1…[^│]*|one-launch-status) │`)
)

// calm takes out what is chance, or known: the order of names, and what tables say of programs that have just been told to start, and may have ended.
func calm(ses *session, answers []answer) {
	for n, a := range answers {
		lines := strings.Split(a["stdout"], "\n")
		for i, line := range lines {
			if row.MatchString(line) {
				lines[i] = state.ReplaceAllString(line, "│ … │ … │")
			}
		}
		lines = slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, "PM2        |") }) // the last of its own log
		for i := 0; i < len(lines) && !strings.Contains(ses.steps[n].line, "sort id"); i++ {
			j := i
			for j < len(lines) && row.MatchString(lines[j]) {
				j++
			}
			slices.Sort(lines[i:j]) // PM2 has s10 before s2
			i = max(i, j-1)
		}
		if out := strings.Join(lines, "\n"); out != "" {
			a["stdout"] = out
		}
	}
}

// String is the session as it stands in a file.
func (s *session) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "=== %s\n", s.name)
	for _, kv := range s.env {
		b.WriteString("env " + kv + "\n")
	}
	if s.fresh {
		b.WriteString("fresh\n")
	}
	for _, st := range s.steps {
		b.WriteString(st.line + "\n")
	}
	for _, name := range slices.Sorted(maps.Keys(s.files)) {
		fmt.Fprintf(&b, "-- %s --\n%s", name, s.files[name])
	}
	return b.String()
}
