package wire

import (
	"strconv"

	"weaver/app"
	"weaver/pm2"
	"weaver/pm2/axon"
)

// arg is the nth argument of a call; null if it has none.
func arg(c axon.Call, n int) pm2.Value {
	if n >= len(c.Args) {
		return pm2.Value{}
	}
	v, err := pm2.Parse(c.Args[n])
	if err != nil { // the arguments are JSON that was checked; only nesting too deep is left
		return pm2.Value{}
	}
	return v
}

// field is a member of an object, null if there is none.
func field(v pm2.Value, key string) pm2.Value {
	o, ok := v.Object()
	if !ok {
		return pm2.Value{}
	}
	f, _ := o.Get(key)
	return f
}

// word is what JavaScript makes of a value inside of a text.
func word(v pm2.Value) string {
	if s, ok := v.Text(); ok {
		return s
	}
	if _, ok := v.Object(); ok {
		return "[object Object]"
	}
	if v.IsNull() {
		return "undefined"
	}
	return string(v.AppendJSON(nil))
}

// find returns the process that v means: clients send ids as numbers or as the digits that a user typed.
func (s *Server) find(v pm2.Value) (app.Process, bool) {
	n, isNumber := v.Float()
	if text, ok := v.Text(); ok {
		i, err := strconv.Atoi(text)
		if err != nil {
			return app.Process{}, false
		}
		n, isNumber = float64(i), true
	}
	if !isNumber || n != float64(int(n)) || n < 0 {
		return app.Process{}, false
	}
	return s.Backend.Get(app.ID(n))
}

// idOf is the id that an argument means: itself, or the id in it.
func idOf(v pm2.Value) pm2.Value {
	if _, ok := v.Object(); ok {
		return field(v, "id")
	}
	return v
}

func name(v pm2.Value) string {
	s, _ := v.Text()
	return s
}
