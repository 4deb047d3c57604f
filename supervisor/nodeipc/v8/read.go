package v8

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"math/big"
	"slices"
	"strconv"
	"time"
	"unicode/utf16"
)

// ToJSON returns as JSON what V8 serialized, in at most limit bytes.
func ToJSON(value []byte, limit int) ([]byte, error) {
	r := reader{in: value, limit: limit}
	if r.next() != tagVersion {
		return nil, ErrFormat
	}
	r.version = r.varint()
	r.element(0)
	if r.err != nil {
		return nil, r.err
	}
	return r.out, nil
}

// reader goes on with zeros after an error, of which the first counts.
type reader struct {
	in      []byte
	at      int
	version uint64
	out     []byte
	limit   int
	known   []span // what has an identity, by its number
	err     error
}

// span is where something is in what was written, once it is complete.
type span struct {
	from, to int
	whole    bool
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.at = len(r.in)
}

func (r *reader) next() byte {
	if r.at >= len(r.in) {
		r.fail(ErrFormat)
		return 0
	}
	r.at++
	return r.in[r.at-1]
}

func (r *reader) bytes(n uint64) []byte {
	if n > uint64(len(r.in)-r.at) {
		r.fail(ErrFormat)
		return nil
	}
	r.at += int(n)
	return r.in[r.at-int(n) : r.at]
}

func (r *reader) varint() uint64 {
	n, size := binary.Uvarint(r.in[r.at:])
	if size <= 0 {
		r.fail(ErrFormat)
		return 0
	}
	r.at += size
	return n
}

func (r *reader) double() float64 {
	b := r.bytes(8)
	if b == nil {
		return 0
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(b))
}

// tag is the next that means something.
func (r *reader) tag() byte {
	for {
		switch t := r.next(); {
		case r.err != nil:
			return 0
		case t == tagPadding:
		case t == tagObjectCount:
			r.varint()
		default:
			return t
		}
	}
}

func (r *reader) put(s string) {
	if len(r.out)+len(s) > r.limit {
		r.fail(ErrTooLong)
		return
	}
	r.out = append(r.out, s...)
}

func (r *reader) quote(s string) {
	text, _ := json.Marshal(s) // a string always can
	r.put(string(text))
}

// begin numbers something.
func (r *reader) begin() int {
	r.known = append(r.known, span{from: len(r.out)})
	return len(r.known) - 1
}

func (r *reader) end(id int) {
	r.known[id].to, r.known[id].whole = len(r.out), true
}

// value reads one value. It reports whether JSON has it: there is no undefined.
func (r *reader) value(depth int) (is bool) { return r.tagged(r.tag(), depth) }

// element is value where there must be something.
func (r *reader) element(depth int) { r.elementTagged(r.tag(), depth) }

func (r *reader) elementTagged(tag byte, depth int) {
	if !r.tagged(tag, depth) {
		r.put("null")
	}
}

func (r *reader) tagged(tag byte, depth int) (is bool) {
	if r.err != nil {
		return true
	}
	if depth > deepest {
		r.fail(ErrFormat)
		return true
	}
	if text, ok := r.stringOf(tag); ok {
		r.quote(text)
		return true
	}
	switch tag {
	case tagUndefined, tagHole:
		return false
	case tagNull:
		r.put("null")
	case tagTrue:
		r.put("true")
	case tagFalse:
		r.put("false")
	case tagInt, tagUint, tagDouble:
		r.number(r.numberOf(tag))
	case tagBigInt:
		r.quote(r.bigInt())
	case tagReference:
		r.again(r.varint())
	case tagHost:
		id := r.begin()
		r.host(depth)
		r.end(id)
	case tagView: // its buffer is what came before
		r.fail(ErrFormat)
	default:
		id := r.begin()
		r.identified(tag, depth)
		if r.err == nil {
			r.end(id)
		}
	}
	return true
}

// again writes what has come before.
func (r *reader) again(id uint64) {
	if id >= uint64(len(r.known)) {
		r.fail(ErrFormat)
		return
	}
	if s := r.known[id]; s.whole {
		r.put(string(r.out[s.from:s.to]))
		return
	}
	r.quote("[Circular]")
}

// identified reads what has an identity.
func (r *reader) identified(tag byte, depth int) {
	switch tag {
	case tagObject:
		r.put("{")
		n := r.members(tagObjectEnd, depth, false)
		r.put("}")
		if r.varint() != n {
			r.fail(ErrFormat)
		}
	case tagDense:
		r.dense(depth)
	case tagSparse:
		r.sparse(depth)
	case tagDate:
		r.date(r.double())
	case tagTrueObject:
		r.put("true")
	case tagFalseObject:
		r.put("false")
	case tagNumberObject:
		r.number(r.double())
	case tagBigIntObject:
		r.quote(r.bigInt())
	case tagStringObject:
		r.quote(r.text())
	case tagRegExp:
		source := r.text()
		r.quote("/" + source + "/" + flags(r.varint()))
	case tagMap:
		r.put("[")
		r.members(tagMapEnd, depth, true)
		r.put("]")
		r.varint()
	case tagSet:
		r.set(depth)
	case tagBuffer, tagResizable:
		r.buffer(tag)
	case tagError:
		r.failure(depth)
	default:
		r.fail(ErrFormat)
	}
}

// members reads keys and values up to the end tag: as members of an object, or as pairs. It returns how many there were.
func (r *reader) members(end byte, depth int, pairs bool) (n uint64) {
	for first := true; r.err == nil; {
		tag := r.tag()
		if tag == end {
			return n
		}
		n++
		before := len(r.out)
		if !first {
			r.put(",")
		}
		if pairs {
			r.put("[")
			r.elementTagged(tag, depth+1)
			r.put(",")
			r.element(depth + 1)
			r.put("]")
			first = false
			continue
		}
		r.key(tag)
		r.put(":")
		if r.value(depth + 1) {
			first = false
		} else {
			r.out = r.out[:before]
		}
	}
	return n
}

func (r *reader) key(tag byte) {
	switch tag {
	case tagInt, tagUint, tagDouble:
		r.quote(strconv.FormatFloat(r.numberOf(tag), 'f', -1, 64))
	default:
		text, ok := r.stringOf(tag)
		if !ok {
			r.fail(ErrFormat)
			return
		}
		r.quote(text)
	}
}

func (r *reader) dense(depth int) {
	n := r.varint()
	r.put("[")
	for i := uint64(0); i < n && r.err == nil; i++ {
		if i > 0 {
			r.put(",")
		}
		r.element(depth + 1)
	}
	r.put("]")
	from, first := len(r.out), len(r.known) // what an array has besides, JSON does not show
	r.members(tagDenseEnd, depth, false)
	r.drop(from, first)
	r.varint()
	r.varint()
}

// sparse reads an array with holes: where its elements are and what they are, in order.
func (r *reader) sparse(depth int) {
	length, n := r.varint(), uint64(0)
	r.put("[")
	holes := func(to uint64) {
		for ; n < to && r.err == nil; n++ {
			if n > 0 {
				r.put(",")
			}
			r.put("null")
		}
	}
	for r.err == nil {
		tag := r.tag()
		if tag == tagSparseEnd {
			break
		}
		if tag != tagInt && tag != tagUint && tag != tagDouble {
			from, first := len(r.out), len(r.known)
			r.key(tag)
			r.element(depth + 1)
			r.drop(from, first)
			continue
		}
		at := r.numberOf(tag)
		if !(at >= float64(n) && at < float64(length)) {
			r.fail(ErrFormat)
			return
		}
		holes(uint64(at))
		if n > 0 {
			r.put(",")
		}
		n++
		r.element(depth + 1)
	}
	holes(length)
	r.put("]")
	r.varint()
	r.varint()
}

// drop takes back what was written from a place on. What has become known there cannot be shown again either.
func (r *reader) drop(from, first int) {
	r.out = r.out[:from]
	for i := first; i < len(r.known); i++ {
		r.known[i].whole = false
	}
}

func (r *reader) set(depth int) {
	r.put("[")
	for first := true; r.err == nil; first = false {
		tag := r.tag()
		if tag == tagSetEnd {
			break
		}
		if !first {
			r.put(",")
		}
		r.elementTagged(tag, depth+1)
	}
	r.put("]")
	r.varint()
}

// Tags of what an error has, and the names of its kinds.
const (
	errorMessage = 'm'
	errorCause   = 'c'
	errorStack   = 's'
	errorEnd     = '.'
)

var errorNames = map[byte]string{
	'E': "EvalError", 'R': "RangeError", 'F': "ReferenceError", 'S': "SyntaxError", 'T': "TypeError", 'U': "URIError",
}

func (r *reader) failure(depth int) {
	name := "Error"
	r.put("{")
	for first := true; r.err == nil; {
		tag := r.next()
		if kind, ok := errorNames[tag]; ok {
			name = kind
			continue
		}
		if tag == errorEnd {
			break
		}
		if !first {
			r.put(",")
		}
		first = false
		switch tag {
		case errorMessage:
			r.put(`"message":`)
			r.quote(r.text())
		case errorStack:
			r.put(`"stack":`)
			r.quote(r.text())
		case errorCause:
			r.put(`"cause":`)
			r.element(depth + 1)
		default:
			r.fail(ErrFormat)
		}
	}
	if r.err == nil && r.out[len(r.out)-1] != '{' {
		r.put(",")
	}
	r.put(`"name":`)
	r.quote(name)
	r.put("}")
}

// buffer reads bytes, and the view of them that may follow at once.
func (r *reader) buffer(tag byte) {
	n := r.varint()
	if tag == tagResizable {
		r.varint()
	}
	b := r.bytes(n)
	if r.err == nil && r.at < len(r.in) && r.in[r.at] == tagView {
		r.at++
		id := r.begin()
		r.varint() // the type of the elements
		from, size := r.varint(), r.varint()
		if r.version >= 14 {
			r.varint()
		}
		if from > uint64(len(b)) || size > uint64(len(b))-from {
			r.fail(ErrFormat)
			return
		}
		r.data(b[from : from+size])
		r.end(id)
		return
	}
	r.data(b)
}

// data writes bytes as a Buffer writes itself.
func (r *reader) data(b []byte) {
	r.put(`{"type":"Buffer","data":[`)
	if len(r.out)+2*len(b) > r.limit {
		r.fail(ErrTooLong)
		return
	}
	for i, c := range b {
		if i > 0 {
			r.out = append(r.out, ',')
		}
		r.out = strconv.AppendUint(r.out, uint64(c), 10)
	}
	r.put("]}")
}

// host reads what Node's serializer puts in itself: views of bytes, and objects that are not JavaScript's own.
func (r *reader) host(depth int) {
	const view = 0
	if r.varint() != view {
		r.element(depth + 1)
		return
	}
	r.varint() // the type of the elements
	r.data(r.bytes(r.varint()))
}

func (r *reader) numberOf(tag byte) float64 {
	switch tag {
	case tagInt:
		n := uint32(r.varint())
		return float64(int32(n>>1) ^ -int32(n&1))
	case tagUint:
		return float64(uint32(r.varint()))
	}
	return r.double()
}

func (r *reader) number(f float64) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		r.put("null")
		return
	}
	text, _ := json.Marshal(f) // a finite one always can
	r.put(string(text))
}

func (r *reader) bigInt() string {
	head := r.varint()
	digits := slices.Clone(r.bytes(head >> 1))
	slices.Reverse(digits)
	if len(digits) > 4096 { // decimal digits take time with the square of them
		return "0x" + big.NewInt(0).SetBytes(digits).Text(16)
	}
	n := big.NewInt(0).SetBytes(digits)
	if head&1 != 0 {
		n.Neg(n)
	}
	return n.String()
}

func (r *reader) date(ms float64) {
	if math.IsNaN(ms) || math.Abs(ms) > 8.64e15 {
		r.put("null")
		return
	}
	r.quote(time.UnixMilli(int64(ms)).UTC().Format("2006-01-02T15:04:05.000Z"))
}

// text reads a value that must be a string.
func (r *reader) text() string {
	s, ok := r.stringOf(r.tag())
	if !ok {
		r.fail(ErrFormat)
	}
	return s
}

// stringOf reads a string, if the tag is that of one.
func (r *reader) stringOf(tag byte) (s string, ok bool) {
	switch tag {
	case tagUTF8:
		return string(r.bytes(r.varint())), true
	case tagOneByte: // Latin-1
		b := r.bytes(r.varint())
		for _, c := range b {
			if c >= 0x80 {
				runes := make([]rune, len(b))
				for i, c := range b {
					runes[i] = rune(c)
				}
				return string(runes), true
			}
		}
		return string(b), true
	case tagTwoByte:
		b := r.bytes(r.varint())
		units := make([]uint16, len(b)/2)
		for i := range units {
			units[i] = binary.LittleEndian.Uint16(b[2*i:])
		}
		return string(utf16.Decode(units)), true
	}
	return "", false
}

// flags are those of a regular expression, in V8's order of bits.
func flags(bits uint64) string {
	out := ""
	for i, f := range "gimyuslvd" {
		if bits&(1<<i) != 0 && f != 'l' { // linear is V8's own
			out += string(f)
		}
	}
	return out
}
