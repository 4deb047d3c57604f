package v8

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"strconv"
)

// FromJSON appends the value that a JSON text is, with its header.
func FromJSON(dst, text []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	w := writer{d, append(dst, tagVersion, version)}
	t, err := d.Token()
	if err == nil {
		err = w.value(t)
	}
	return w.out, err
}

type writer struct {
	*json.Decoder
	out []byte
}

func (w *writer) varint(n uint64) { w.out = binary.AppendUvarint(w.out, n) }

func (w *writer) value(t json.Token) error {
	switch t := t.(type) {
	case nil:
		w.out = append(w.out, tagNull)
	case bool:
		if t {
			w.out = append(w.out, tagTrue)
		} else {
			w.out = append(w.out, tagFalse)
		}
	case string:
		w.text(t)
	case json.Number:
		w.number(string(t))
	case json.Delim:
		if t == '[' {
			return w.list()
		}
		return w.object()
	}
	return nil
}

func (w *writer) number(text string) {
	if n, err := strconv.ParseInt(text, 10, 32); err == nil && text != "-0" {
		w.out = append(w.out, tagInt)
		w.varint(uint64(uint32(n<<1) ^ uint32(n>>31)))
		return
	}
	f, _ := strconv.ParseFloat(text, 64) // out of range it is infinite, as to JSON.parse
	w.out = binary.LittleEndian.AppendUint64(append(w.out, tagDouble), math.Float64bits(f))
}

func (w *writer) text(s string) {
	tag := byte(tagOneByte)
	for i := range len(s) {
		if s[i] >= 0x80 {
			tag = tagUTF8
			break
		}
	}
	w.out = append(w.out, tag)
	w.varint(uint64(len(s)))
	w.out = append(w.out, s...)
}

func (w *writer) object() error {
	w.out = append(w.out, tagObject)
	n := uint64(0)
	for ; w.More(); n++ {
		for range 2 {
			t, err := w.Token()
			if err != nil {
				return err
			}
			if err := w.value(t); err != nil {
				return err
			}
		}
	}
	w.out = append(w.out, tagObjectEnd)
	w.varint(n)
	_, err := w.Token()
	return err
}

// list writes how many elements there are before them, so they are written beside first.
func (w *writer) list() error {
	before := w.out
	w.out = nil
	n := uint64(0)
	for ; w.More(); n++ {
		t, err := w.Token()
		if err != nil {
			return err
		}
		if err := w.value(t); err != nil {
			return err
		}
	}
	elements := w.out
	w.out = append(before, tagDense)
	w.varint(n)
	w.out = append(append(w.out, elements...), tagDenseEnd)
	w.varint(0) // properties besides
	w.varint(n)
	_, err := w.Token()
	return err
}
