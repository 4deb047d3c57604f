package pm2

import (
	"math"
	"strconv"
	"strings"
	"time"

	"weaver/app"
)

// The methods of reader return a key's value as the type that is wanted, and the zero value for what has another type:
// records are written by many versions of PM2, and by hand.

func (r reader) text(key string) string {
	v, _ := r.top.Get(key)
	s, _ := v.scalar()
	return s
}

func (r reader) flag(key string) bool {
	v, _ := r.top.Get(key)
	return truth(v)
}

// switchedOff returns false for a setting that is off, and nil, PM2's default of true, else.
func (r reader) switchedOff(key string) *bool {
	v, ok := r.top.Get(key)
	if !ok || v.IsNull() || truth(v) {
		return nil
	}
	off := false
	return &off
}

func truth(v Value) bool {
	if v.kind == text {
		return v.text != "" && v.text != "false"
	}
	return v.kind == array || v.kind == object || v.kind != null && v.num != 0
}

// off reports the value false itself.
func off(v Value) bool { return v.kind == boolean && v.num == 0 }

func (r reader) whole(key string) int {
	v, _ := r.top.Get(key)
	return whole(v)
}

func whole(v Value) int {
	n := v.num
	if v.kind == text {
		n, _ = strconv.ParseFloat(strings.TrimSpace(v.text), 64)
	}
	if math.IsNaN(n) || math.Abs(n) > 1<<53 {
		return 0
	}
	return int(n)
}

// list returns an array's values, or one value that stands alone.
func (r reader) list(key string) []Value {
	v, ok := r.top.Get(key)
	switch {
	case !ok || v.IsNull() || v.kind == object || off(v):
		return nil
	case v.kind == array:
		return v.list
	}
	return []Value{v}
}

// texts returns an array of strings; a string is split at blanks, as PM2 does it.
func (r reader) texts(key string) []string {
	v, _ := r.top.Get(key)
	if v.kind == text {
		return strings.Fields(v.text)
	}
	var out []string
	for _, v := range r.list(key) {
		s, ok := v.scalar()
		if !ok && !v.IsNull() {
			s = string(v.AppendJSON(nil))
		}
		out = append(out, s)
	}
	return out
}

func (r reader) duration(key string) *app.Duration {
	if v, ok := r.top.Get(key); !ok || v.IsNull() {
		return nil
	}
	d := r.millis(key)
	return &d
}

// maxMillis is the longest span that a Duration holds.
const maxMillis = math.MaxInt64 / int64(time.Millisecond)

func (r reader) millis(key string) app.Duration {
	v, _ := r.top.Get(key)
	if v.kind == number && math.Abs(v.num) >= float64(maxMillis) {
		return 0
	}
	s, _ := v.scalar()
	d, err := app.ParseDuration(s)
	if err != nil {
		return 0
	}
	return d
}

func (r reader) time(key string) time.Time {
	v, _ := r.top.Get(key)
	if n := whole(v); n > 0 {
		return time.UnixMilli(int64(n))
	}
	return time.Time{}
}
