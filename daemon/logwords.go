package daemon

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap/zapcore"

	"weaver/app"
	"weaver/logs"
	"weaver/pm2"
)

// pm2Encoder writes lines as they stand in PM2's pm2.log, which scripts search: "2026-11-23T13:24:13: PM2 log: text".
// dates is the form of the time, as dayjs has it; "" is PM2's own.
func pm2Encoder(enc zapcore.EncoderConfig, dates string) zapcore.Encoder {
	enc.EncodeTime = func(t time.Time, a zapcore.PrimitiveArrayEncoder) {
		if dates == "" {
			a.AppendString(t.Format("2006-01-02T15:04:05") + ":")
		} else {
			a.AppendString(logs.FormatDate(t, dates) + ":")
		}
	}
	enc.EncodeLevel = func(l zapcore.Level, a zapcore.PrimitiveArrayEncoder) {
		word := "PM2 log:"
		if l >= zapcore.ErrorLevel {
			word = "PM2 error:"
		}
		a.AppendString(word)
	}
	enc.CallerKey, enc.StacktraceKey, enc.ConsoleSeparator = zapcore.OmitKey, zapcore.OmitKey, " "
	return zapcore.NewConsoleEncoder(enc)
}

// began are the lines of PM2's about a daemon that has begun: scripts count them.
func (d *daemon) began() []string {
	const line = "==============================================================================="
	return []string{
		line,
		"--- New PM2 Daemon started ----------------------------------------------------",
		"Time                 : " + d.started.Format("Mon Jan 02 2006 15:04:05 GMT-0700 (MST)"),
		"PM2 version          : " + pm2.Compatible,
		"PM2 home             : " + d.home.Dir,
		"PM2 PID file         : " + d.home.PIDFile(),
		"Application log path : " + d.home.Logs(),
		line,
	}
}

// eventWords is an event in PM2's words, a line each, nil if it has none for it. p is the process, as far as it is known.
func eventWords(e *app.Event, p *app.Process) []string {
	who := fmt.Sprintf("[%s:%d]", e.Name, e.ID)
	spec := p.Spec
	if spec == nil {
		spec = &app.Spec{}
	}
	switch e.Kind {
	case app.EventStart:
		mode := "fork"
		if spec.Mode == app.Cluster {
			mode = "cluster"
		}
		return []string{"App " + who + " starting in -" + mode + " mode-"}
	case app.EventOnline:
		return []string{"App " + who + " online"}
	case app.EventExit:
		return exitWords(e, who)
	case app.EventRestart:
		if e.Delay != 0 {
			return []string{fmt.Sprintf("App %s will restart in %dms", who, e.Delay.Milliseconds())}
		}
	case app.EventOverlimit:
		limit := 16 // PM2's default
		if spec.MaxRestarts != nil {
			limit = *spec.MaxRestarts
		}
		return []string{fmt.Sprintf(`Script %s had too many unstable restarts (%d). Stopped. "errored"`, cmp.Or(spec.Script, e.Name), limit)}
	case app.EventWarning:
		if e.ID < 0 {
			return nil
		}
		if why, ok := strings.CutPrefix(e.Message, "restarted because it exceeds max_memory_restart "); ok {
			return []string{fmt.Sprintf("[PM2][WORKER] Process %d restarted because it exceeds --max-memory-restart value %s", e.ID, why)}
		}
		if strings.HasPrefix(e.Message, "Change detected ") {
			return []string{e.Message}
		}
		return []string{"App " + who + " " + e.Message}
	}
	return nil
}

// exitWords are those of an exit; of one that was asked for PM2 says before that it asks, and after that nothing is left.
func exitWords(e *app.Event, who string) (lines []string) {
	if e.Exit == nil {
		return nil
	}
	if e.Exit.Err != "" {
		return []string{"App " + who + " could not be run: " + e.Exit.Err}
	}
	if e.Asked {
		lines = append(lines, fmt.Sprintf("Stopping app:%s id:%d", e.Name, e.ID))
	}
	code, signal := e.Exit.Code, e.Exit.Signal
	if signal != "" {
		code = 0
	} else {
		signal = "SIGINT" // what PM2 shows when there was none
	}
	lines = append(lines, fmt.Sprintf("App %s exited with code [%d] via signal [%s]", who, code, signal))
	if e.Asked {
		lines = append(lines, "msg=process tree killed")
	}
	return lines
}

// hasWords lists the kinds of events that PM2 has words for, or says nothing about.
func hasWords(e *app.Event) bool {
	switch e.Kind {
	case app.EventStart, app.EventOnline, app.EventExit, app.EventRestart, app.EventOverlimit, app.EventStop, app.EventDelete:
		return true
	case app.EventWarning:
		return e.ID >= 0
	}
	return false
}
