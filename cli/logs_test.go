package cli

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/app"
)

func TestLogsShowHistoryInPM2Layout(t *testing.T) {
	p := process(0, "web", 100)
	long := process(1, "averylongname", 101)
	d := newFake(t)
	dir := t.TempDir()
	p.OutPath, p.ErrorPath = dir+"/web-out.log", dir+"/web-error.log"
	long.OutPath, long.ErrorPath = dir+"/long-out.log", "/dev/null"
	d.list = []app.Process{p, long}
	for i, f := range []struct{ path, text string }{
		{p.OutPath, "one\ntwo\nthree\n"}, {p.ErrorPath, "bad\n"}, {long.OutPath, "x\n"}, {d.home + "/weaver.log", "{}\n"},
	} {
		require.NoError(t, os.WriteFile(f.path, []byte(f.text), 0o600))
		at := time.Unix(int64(1000+i), 0)
		require.NoError(t, os.Chtimes(f.path, at, at))
	}
	r := d.runner()
	assert.Equal(t, "[TAILING] Tailing last 2 lines for [web] process (change the value with --lines option)\n"+
		p.OutPath+" last 2 lines:\n0|web      | two\n0|web      | three\n\n"+
		p.ErrorPath+" last 2 lines:\n0|web      | bad\n\n", r.good("logs", "web", "--nostream", "--lines", "2"))
	all := r.good("logs", "--nostream")
	assert.True(t, strings.HasPrefix(all, "[TAILING] Tailing last 15 lines for [all] processes (change the value with --lines option)\n"+
		d.home+"/weaver.log last 15 lines:\nPM2        | {}\n\n"), all)
	assert.Contains(t, all, "1|averylon | x\n")
	merged := process(2, "web", 102)
	merged.OutPath, merged.ErrorPath = p.OutPath, p.ErrorPath
	d.list = append(d.list, merged)
	assert.Equal(t, 1, strings.Count(r.good("logs", "web", "--nostream"), "one"), "instances that share a file")
	assert.Equal(t, "[TAILING] Tailing last 15 lines for [nope] process (change the value with --lines option)\n", r.good("logs", "nope", "--nostream"))
	o := r.run("logs", "web", "--raw", "--nostream", "-n", "1")
	assert.Contains(t, o.stdout, "\nthree\n")
	assert.Equal(t, "bad\n", o.stderr)
	assert.NotContains(t, r.good("logs", "web", "--out", "--nostream"), "bad")
	assert.Contains(t, r.good("logs", "web", "--nostream", "--grep", "^t"), "| two\n0|web      | three\n")
	assert.NotContains(t, r.good("logs", "web", "--nostream", "--grep", "^t"), "one")
	r.cols = 200
	assert.Contains(t, r.good("logs", "web", "--nostream", "--highlight", "wo"), "t\x1b[7mwo\x1b[27m")
}

func TestLogsFollowAcrossADeath(t *testing.T) {
	d := newFake(t, process(0, "web", 100))
	round := 0
	at := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	d.follow = func(w http.ResponseWriter, r *http.Request) {
		round++
		send(w, app.Line{At: at, ID: 0, Name: "web", Stream: app.Out, Text: fmt.Sprint("line ", round)})
		send(w, app.Line{At: at, ID: 0, Name: "web", Stream: app.Out})
		send(w, app.Line{At: at, ID: 10, Name: "longer", Stream: app.Err, Text: "oops", Missed: round - 1})
		if round == 2 {
			<-r.Context().Done()
		}
	}
	stamp := at.Local().Format("15:04") + " "
	o := d.runner().until("line 2\n"+stamp+"10|longer  | oops\n", "logs", "--lines", "0", "--timestamp", "HH:mm")
	assert.Zero(t, o.code)
	assert.Equal(t, stamp+"0|web  | line 1\n"+stamp+"10|longer  | oops\n"+stamp+"0|web      | line 2\n"+stamp+"10|longer  | oops\n", o.stdout)
	assert.NotContains(t, o.stderr, "went away", "one that is back at once is not worth a word")
	assert.Contains(t, o.stderr, "weaver: 1 lines of longer not shown")
}

func TestEventsBetweenLinesAreInPM2sWords(t *testing.T) {
	for _, row := range []struct {
		e    app.Event
		want string
	}{
		{app.Event{Kind: app.EventStart}, ""},
		{app.Event{Kind: app.EventOnline, Gen: 1, Manually: true}, "online start"},
		{app.Event{Kind: app.EventOnline, Gen: 2, Manually: true}, "online restart"},
		{app.Event{Kind: app.EventOnline, Gen: 2}, "online"},
		{app.Event{Kind: app.EventRestart}, ""},
		{app.Event{Kind: app.EventExit}, "exit"},
		{app.Event{Kind: app.EventOverlimit}, "restart overlimit"},
		{app.Event{Kind: app.EventStop}, ""},
		{app.Event{Kind: app.EventStop, Manually: true}, "stop"},
	} {
		assert.Equal(t, row.want, strings.Join(eventWords(&row.e), " "), "%+v", row.e)
	}
}

func TestLogsAsData(t *testing.T) {
	d := newFake(t, process(0, "web", 100))
	at := time.Date(2030, 1, 2, 3, 4, 5, 6e6, time.UTC)
	d.follow = func(w http.ResponseWriter, r *http.Request) {
		send(w, app.Line{At: at, ID: 0, Name: "web", Stream: app.Err, Text: "a <b>"})
		<-r.Context().Done()
	}
	line := `{"message":"a <b>","timestamp":"2030-01-02T03:04:05.006Z","type":"err","process_id":0,"app_name":"web"}` + "\n"
	assert.Contains(t, d.runner().until(line, "logs", "--json").stdout, line)
	event := `"type":"process_event","status":"exit","app_name":"web"}` + "\n"
	assert.Contains(t, d.runner().until(event, "logs", "--json").stdout, event)
	line = "timestamp=" + at.Local().Format("2006-01-02-15:04:05-0700") + " app=web id=0 type=error message=a <b>\n"
	assert.Equal(t, line, d.runner().until(line, "logs", "--format").stdout)
	o := d.runner().until("a <b>\n", "logs", "--raw", "--lines", "0")
	assert.Equal(t, outcome{0, "", "a <b>\n"}, o)
}
