package daemon

import (
	"context"
	"os"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"gopkg.in/natefinch/lumberjack.v2"

	"weaver/app"
	"weaver/service"
)

// The daemon's own log: this many megabytes a file, this many files kept.
const (
	logMegabytes = 10
	logFiles     = 3
)

// openLog returns the daemon's own log, JSON lines in path, rotated; with words, lines as PM2 writes them. close it after
// the last line; after reopen the next line makes the file if it is not there.
func openLog(path string, words bool) (log *zap.Logger, reopen, close func()) {
	dropLinkOfOthers(path)
	out := &lumberjack.Logger{Filename: path, MaxSize: logMegabytes, MaxBackups: logFiles}
	enc := zap.NewProductionEncoderConfig()
	enc.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	enc.TimeKey, enc.MessageKey = "time", "msg"
	encoder := zapcore.NewJSONEncoder(enc)
	if words {
		encoder = pm2Encoder(enc, os.Getenv("PM2_LOG_DATE_FORMAT"))
	}
	core := zapcore.NewCore(encoder, zapcore.AddSync(out), zap.InfoLevel)
	closeFile := func() { out.Close() }
	return zap.New(core), closeFile, closeFile
}

// logEvents writes what happens into the log, until ctx ends.
func (d *daemon) logEvents(ctx context.Context) {
	var seq uint64
	for e := range d.sup.News(ctx, 0) {
		if seq != 0 && e.Seq != seq+1 {
			d.log.Warn("events missed", zap.Uint64("count", e.Seq-seq-1))
		}
		seq = e.Seq
		d.past.add(&e)
		if d.tally.add(&e) {
			d.tally.keep(service.Group(d.sup.List()))
		}
		if d.home.PM2 && hasWords(&e) {
			p, _ := d.sup.Get(e.ID)
			for _, line := range eventWords(&e, &p) {
				d.log.Info(line)
			}
			continue
		}
		d.log.Log(level(e.Kind), string(e.Kind), eventFields(&e)...)
	}
}

func level(k app.Kind) zapcore.Level {
	switch k {
	case app.EventFailed, app.EventOverlimit:
		return zap.ErrorLevel
	case app.EventWarning:
		return zap.WarnLevel
	}
	return zap.InfoLevel
}

// eventFields lists what is known of an event. Environments never come in here: they hold secrets.
func eventFields(e *app.Event) []zap.Field {
	fields := make([]zap.Field, 0, 10)
	if e.Name != "" {
		fields = append(fields, zap.String("app", e.Name), zap.Int("id", int(e.ID)))
	}
	if e.PID != 0 {
		fields = append(fields, zap.Int("pid", e.PID))
	}
	if e.Gen != 0 {
		fields = append(fields, zap.Uint64("gen", e.Gen))
	}
	if e.Manually {
		fields = append(fields, zap.Bool("manually", true))
	}
	if e.Exit != nil {
		fields = append(fields, zap.Int("code", e.Exit.Code))
		if e.Exit.Signal != "" {
			fields = append(fields, zap.String("signal", e.Exit.Signal))
		}
	}
	if e.Delay != 0 {
		fields = append(fields, zap.Duration("delay", e.Delay))
	}
	if e.Message != "" {
		fields = append(fields, zap.String("message", e.Message))
	}
	return fields
}

// reopen has every log file opened again, where somebody else has moved them away.
func (d *daemon) reopen() error {
	if d.home.PM2 {
		d.log.Info("Reloading logs...")
	}
	return d.logs.Reopen()
}
