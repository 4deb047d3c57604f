package pm2

// Value is a JavaScript value as JSON can write it. The zero Value is null.
type Value struct {
	kind   kind
	num    float64
	text   string
	list   []Value
	object *Object
}

type kind uint8

const (
	null kind = iota
	boolean
	number
	text
	array
	object
)

// String makes a string.
func String(s string) Value { return Value{kind: text, text: s} }

// Number makes a number; as in JavaScript there is one kind, exact for whole numbers up to 2^53.
func Number[N int | int64 | uint64 | float64 | uint32](n N) Value {
	return Value{kind: number, num: float64(n)}
}

// Bool makes a boolean.
func Bool(b bool) Value {
	v := Value{kind: boolean}
	if b {
		v.num = 1
	}
	return v
}

// Array makes an array of its arguments.
func Array(list ...Value) Value { return Value{kind: array, list: list} }

// Strings makes an array of strings.
func Strings(list []string) Value {
	v := Value{kind: array, list: make([]Value, len(list))}
	for i, s := range list {
		v.list[i] = String(s)
	}
	return v
}

// IsNull reports that v is null.
func (v Value) IsNull() bool { return v.kind == null }

// Text returns a string's text, and whether v is a string.
func (v Value) Text() (string, bool) { return v.text, v.kind == text }

// Float returns a number, and whether v is one.
func (v Value) Float() (float64, bool) { return v.num, v.kind == number }

// Bool returns a boolean, and whether v is one.
func (v Value) Bool() (value, ok bool) { return v.num != 0, v.kind == boolean }

// List returns an array's values, and whether v is an array.
func (v Value) List() ([]Value, bool) { return v.list, v.kind == array }

// Object returns an object, and whether v is one.
func (v Value) Object() (*Object, bool) { return v.object, v.kind == object }

// scalar returns what PM2 puts into an environment for v: nothing for null, arrays and objects.
func (v Value) scalar() (string, bool) {
	switch v.kind {
	case text:
		return v.text, true
	case number:
		return string(appendNumber(nil, v.num)), true
	case boolean:
		if v.num != 0 {
			return "true", true
		}
		return "false", true
	}
	return "", false
}

// Object is a JavaScript object: its keys keep the order in which they were set, but for keys that are array indices,
// which come first and ascending, as in every JavaScript engine.
type Object struct{ members []Member }

// Member is one key of an Object with its value.
type Member struct {
	Key   string
	Value Value
}

// Of wraps an Object into a Value.
func Of(o *Object) Value { return Value{kind: object, object: o} }

// Len returns the number of keys.
func (o *Object) Len() int { return len(o.members) }

// Members returns keys and values in order. The slice is o's own.
func (o *Object) Members() []Member { return o.members }

// Get returns the value of key.
func (o *Object) Get(key string) (Value, bool) {
	if i := o.find(key); i >= 0 {
		return o.members[i].Value, true
	}
	return Value{}, false
}

// Set gives key a value, in its old place if it has one.
func (o *Object) Set(key string, v Value) {
	if i := o.find(key); i >= 0 {
		o.members[i].Value = v
		return
	}
	o.add(key, v)
}

// Delete removes key.
func (o *Object) Delete(key string) {
	if i := o.find(key); i >= 0 {
		o.members = append(o.members[:i], o.members[i+1:]...)
	}
}

func (o *Object) find(key string) int {
	for i := range o.members {
		if o.members[i].Key == key {
			return i
		}
	}
	return -1
}

// add is Set for a key that is known not to be there.
func (o *Object) add(key string, v Value) {
	o.members = append(o.members, Member{key, v})
	n, ok := index(key)
	if !ok {
		return
	}
	at := len(o.members) - 1
	for at > 0 {
		before, isIndex := index(o.members[at-1].Key)
		if isIndex && before < n {
			break
		}
		o.members[at] = o.members[at-1]
		at--
	}
	o.members[at] = Member{key, v}
}

// index reports whether key is an array index ("0", "17", not "007"), below 2^32-1 as the language has it.
func index(key string) (uint64, bool) {
	if key == "" || len(key) > 10 || (key[0] == '0' && len(key) > 1) {
		return 0, false
	}
	var n uint64
	for i := range len(key) {
		if key[i] < '0' || key[i] > '9' {
			return 0, false
		}
		n = n*10 + uint64(key[i]-'0')
	}
	return n, n < 1<<32-1
}
