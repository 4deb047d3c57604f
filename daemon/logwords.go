package daemon

import (
	"fmt"
	"time"

	"go.uber.org/zap/zapcore"

	"weaver/app"
)

// pm2Encoder writes lines as they stand in PM2's pm2.log, which scripts search: "2026-11-23T13:24:13: PM2 log: text".
func pm2Encoder(enc zapcore.EncoderConfig) zapcore.Encoder {
	enc.EncodeTime = func(t time.Time, a zapcore.PrimitiveArrayEncoder) {
		a.AppendString(t.Format("2006-01-02T15:04:05") + ":")
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

// eventWords is an event in PM2's words, "" if it has none for it.
func eventWords(e *app.Event) string {
	who := fmt.Sprintf("[%s:%d]", e.Name, e.ID)
	switch e.Kind {
	case app.EventStart:
		return "App " + who + " starting in -fork mode-"
	case app.EventOnline:
		return "App " + who + " online"
	case app.EventExit:
		if e.Exit == nil {
			return ""
		}
		if e.Exit.Err != "" {
			return "App " + who + " could not be run: " + e.Exit.Err
		}
		signal := e.Exit.Signal
		if signal == "" {
			signal = "SIGINT" // what PM2 shows when there was none
		}
		return fmt.Sprintf("App %s exited with code [%d] via signal [%s]", who, e.Exit.Code, signal)
	case app.EventRestart:
		if e.Delay == 0 {
			return ""
		}
		return fmt.Sprintf("App %s will restart in %dms", who, e.Delay.Milliseconds())
	case app.EventOverlimit:
		return "Script " + e.Name + ` had too many unstable restarts. Stopped. "errored"`
	case app.EventStop:
		return fmt.Sprintf("Stopping app:%s id:%d", e.Name, e.ID)
	}
	return ""
}
