package pm2

import (
	"strconv"

	"weaver/app"
)

// ProgressOptions says how to word the progress of an operation.
type ProgressOptions struct{ Color bool }

// The prefixes, which scripts look for in PM2's output, whatever weaver was called by.
const (
	prefixPlain = "[PM2] "
	prefixWarn  = "[PM2][WARN] "
	prefixError = "[PM2][ERROR] "
)

// UpdateEnvHint is what PM2 prints before a restart or reload that leaves the environment as it was.
const UpdateEnvHint = "Use --update-env to update environment variables\n"

// Started is what PM2 says after a start of something known.
const Started = "Process successfully started"

// Scheduled is what PM2 says, with the pattern, of an app that is restarted at times.
const Scheduled = "cron restart at %s"

// Unscheduled is what PM2 says of an app that is no more.
const Unscheduled = "disabling cron restart"

// rpcName is what PM2 calls a verb in "Applying action".
func rpcName(v app.Verb) string {
	switch v {
	case app.VerbStop:
		return "stopProcessId"
	case app.VerbDelete:
		return "deleteProcessId"
	case app.VerbReload:
		return "reloadProcessId"
	}
	return "restartProcessId"
}

// AppendProgress appends what one step of an operation has to say to out, for standard output, and to errOut, for
// standard error. The front end and the hot door print through it, so that both print the same bytes.
func AppendProgress(out, errOut []byte, p app.Progress, o ProgressOptions) (stdout, stderr []byte) {
	switch p.Step {
	case app.StepApplying:
		out = appendApplying(out, p, o)
	case app.StepStarting:
		out = appendStarting(out, p, o)
	case app.StepOK:
		out = appendOK(out, p, o)
	case app.StepLaunched:
		out = appendPrefix(out, prefixPlain, o)
		if p.Target == "" { // not from a file
			return append(out, "Done.\n"...), errOut
		}
		out = append(out, "App ["...)
		out = appendClean(out, p.Name)
		out = append(out, "] launched ("...)
		out = strconv.AppendInt(out, int64(p.Count), 10)
		out = append(out, " instances)\n"...)
	case app.StepInfo:
		out = appendPrefix(out, prefixPlain, o)
		out = append(out, p.Message...)
		out = append(out, '\n')
	case app.StepWarn:
		out = appendPrefix(out, prefixWarn, o)
		out = append(out, p.Message...)
		out = append(out, '\n')
	case app.StepFailed:
		prefix := prefixError
		if p.Kind == "empty" {
			prefix = prefixWarn
		}
		if (p.Verb != app.VerbReset && p.Verb != app.VerbSignal) || p.Kind != "not_found" { // PM2 says that one without a prefix
			errOut = appendPrefix(errOut, prefix, o)
		}
		errOut = append(errOut, p.Message...)
		errOut = append(errOut, '\n')
		if p.Hint != "" {
			errOut = append(errOut, "hint: "...)
			errOut = append(errOut, p.Hint...)
			errOut = append(errOut, '\n')
		}
	case app.StepEnd:
	}
	return out, errOut
}

func appendApplying(out []byte, p app.Progress, o ProgressOptions) []byte {
	out = appendPrefix(out, prefixPlain, o)
	switch p.Verb {
	case app.VerbSignal:
		out = append(out, "Sending signal to process "...)
		out = append(out, nameOrID(p.Target)...)
		out = appendClean(out, p.Target)
		return append(out, '\n')
	case app.VerbReset:
		for i, id := range p.IDs { // a line each
			if i > 0 {
				out = appendPrefix(out, prefixPlain, o)
			}
			out = append(out, "Resetting meta for process id "...)
			out = append(strconv.AppendInt(out, int64(id), 10), '\n')
		}
		return out
	}
	out = append(out, "Applying action "...)
	out = append(out, rpcName(p.Verb)...)
	out = append(out, " on app ["...)
	out = appendClean(out, p.Target)
	out = append(out, "](ids: "...)
	out = appendIDs(out, p)
	return append(out, ")\n"...)
}

func appendStarting(out []byte, p app.Progress, o ProgressOptions) []byte {
	out = appendPrefix(out, prefixPlain, o)
	out = append(out, "Starting "...)
	if p.Process != nil && p.Process.Spec != nil {
		out = appendClean(out, p.Process.Spec.Script)
		out = append(out, " in "...)
		out = append(out, p.Process.Spec.Mode...)
	} else {
		out = appendClean(out, p.Name)
	}
	out = append(out, " ("...)
	out = strconv.AppendInt(out, int64(p.Count), 10)
	if p.Count == 1 {
		return append(out, " instance)\n"...)
	}
	return append(out, " instances)\n"...)
}

func appendOK(out []byte, p app.Progress, o ProgressOptions) []byte {
	switch p.Verb {
	case app.VerbSignal: // PM2 prints this one without a prefix, once a target
		if p.Count > 1 {
			return out
		}
		out = append(out, "successfully sent signal "...)
		out = append(out, p.Message...)
		out = append(out, " to process "...)
		out = append(out, nameOrID(p.Target)...)
		out = appendClean(out, p.Target)
		return append(out, '\n')
	case app.VerbReset:
		return out
	}
	out = appendPrefix(out, prefixPlain, o)
	out = append(out, '[')
	out = appendClean(out, p.Name)
	out = append(out, "]("...)
	out = strconv.AppendInt(out, int64(p.ID), 10)
	return append(out, ") \u2713\n"...)
}

// nameOrID is what PM2 takes a target of a signal for.
func nameOrID(target string) string {
	if app.Selector(target).Numeric() {
		return "id "
	}
	return "name "
}

// appendIDs writes the ids as a JavaScript array; an id that the user typed is a string in PM2's eyes.
func appendIDs(dst []byte, p app.Progress) []byte {
	if len(p.IDs) == 0 {
		return append(dst, "[]"...)
	}
	quote := len(p.IDs) == 1 && p.Target == p.IDs[0].String() && p.ID < 0
	dst = append(dst, "[ "...)
	for i, id := range p.IDs {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		if quote {
			dst = append(dst, '\'')
		}
		dst = strconv.AppendInt(dst, int64(id), 10)
		if quote {
			dst = append(dst, '\'')
		}
	}
	return append(dst, " ]"...)
}

// appendPrefix writes a prefix, in PM2's colours where there are colours.
func appendPrefix(dst []byte, prefix string, o ProgressOptions) []byte {
	if !o.Color {
		return append(dst, prefix...)
	}
	color := "\x1b[32m"
	switch prefix {
	case prefixWarn:
		color = "\x1b[33m"
	case prefixError:
		color = "\x1b[31m"
	}
	dst = append(dst, color...)
	dst = append(dst, prefix...)
	return append(dst, "\x1b[39m"...)
}

// appendClean writes text that a user chose, without the control characters that could steer a terminal.
func appendClean(dst []byte, s string) []byte {
	for _, r := range s {
		if r < 0x20 || r == 0x7f || (r >= 0x80 && r < 0xa0) {
			r = '?'
		}
		dst = append(dst, string(r)...)
	}
	return dst
}
