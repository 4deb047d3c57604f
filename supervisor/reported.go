package supervisor

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"weaver/app"
	"weaver/skim"
)

// How much a program may tell of itself. What is beyond is not kept.
const (
	maxReports     = 512       // actions, metrics, options each
	maxReportBytes = 256 << 10 // altogether
)

// The types of messages that are about the process itself.
const (
	topicAction  = "axm:action"
	topicMetrics = "axm:monitor"
	topicPID     = "axm:option:setPID"
	topicOptions = "axm:option:configuration"

	// What holds unless the program says otherwise, and figures that are told no more; said by what runs before the program.
	topicDefaults  = "weaver:options"
	topicWithdrawn = "weaver:withdrawn"
)

// report gathers what one incarnation says of itself. What it returns is never changed afterwards.
type report struct {
	now  app.Reported
	size int
}

// about reports whether messages of a type are about the process itself, and nothing else.
func (*report) about(topic string) bool {
	switch topic {
	case topicAction, topicMetrics, topicPID, topicOptions, topicDefaults, topicWithdrawn:
		return true
	}
	return false
}

// add takes one message in. It returns what is known now, nil if nothing has changed.
func (r *report) add(topic string, data []byte) *app.Reported {
	changed := false
	switch topic {
	case topicAction:
		changed = r.action(data)
	case topicMetrics:
		r.now.Metrics, changed = r.merge(r.now.Metrics, data, true)
	case topicWithdrawn:
		r.now.Metrics, changed = r.without(r.now.Metrics, data)
	case topicOptions:
		r.now.Options, changed = r.merge(r.now.Options, data, true)
	case topicDefaults:
		r.now.Options, changed = r.merge(r.now.Options, data, false)
	case topicPID:
		text := skim.Text(data)
		if text == "" {
			text = string(data)
		}
		if pid, err := strconv.Atoi(text); err == nil && pid > 0 && pid != r.now.MeasuredPID {
			r.now.MeasuredPID, changed = pid, true
		}
	}
	if !changed {
		return nil
	}
	out := r.now
	return &out
}

// newName returns what a program wants its process to be called, "" if nothing: as in PM2 its options may say so. What could
// not be written in one line of a list is no name.
func newName(topic string, data []byte) (name string) {
	if topic != topicOptions {
		return ""
	}
	skim.Members(data, func(key string, value []byte) {
		if key == "name" {
			name = skim.Text(value)
		}
	})
	if len(name) > 100 || !utf8.ValidString(name) || strings.ContainsFunc(name, func(c rune) bool { return !unicode.IsGraphic(c) || c == '/' }) {
		return ""
	}
	return name
}

func (r *report) version(text string) *app.Reported {
	if text == "" || text == r.now.NodeVersion || len(text) > 100 {
		return nil
	}
	r.now.NodeVersion = text
	out := r.now
	return &out
}

// action adds an action, unless one of its name is known.
func (r *report) action(data []byte) bool {
	name := actionName(data)
	if name == "" || len(r.now.Actions) >= maxReports || !r.fits(len(data)) {
		return false
	}
	for _, a := range r.now.Actions {
		if actionName(a) == name {
			return false
		}
	}
	r.now.Actions = append(slices.Clip(r.now.Actions), slices.Clone(data))
	return true
}

func actionName(data []byte) (name string) {
	skim.Members(data, func(key string, value []byte) {
		if key == "action_name" {
			name = skim.Text(value)
		}
	})
	return name
}

// merge sets the members of an object in fields, those that are new at the end. What is known already is replaced if that is wished.
func (r *report) merge(fields []app.Field, object []byte, replace bool) ([]app.Field, bool) {
	out, changed := slices.Clone(fields), false
	skim.Members(object, func(key string, value []byte) {
		i := slices.IndexFunc(out, func(f app.Field) bool { return f.Key == key })
		switch {
		case i >= 0 && !replace:
		case i >= 0 && r.fits(len(value)-len(out[i].Value)):
			out[i].Value = json.RawMessage(slices.Clone(value))
			changed = true
		case i < 0 && len(out) < maxReports && r.fits(len(key)+len(value)):
			out = append(out, app.Field{Key: key, Value: slices.Clone(value)})
			changed = true
		}
	})
	return out, changed
}

// without leaves out what an object has members of.
func (r *report) without(fields []app.Field, object []byte) ([]app.Field, bool) {
	out := slices.Clone(fields)
	skim.Members(object, func(key string, _ []byte) {
		out = slices.DeleteFunc(out, func(f app.Field) bool {
			if f.Key != key {
				return false
			}
			r.size -= len(f.Key) + len(f.Value)
			return true
		})
	})
	return out, len(out) != len(fields)
}

// fits takes room for n more bytes, if there is.
func (r *report) fits(n int) bool {
	if r.size+n > maxReportBytes {
		return false
	}
	r.size += n
	return true
}
