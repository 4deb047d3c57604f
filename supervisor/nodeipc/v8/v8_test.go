package v8

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// written are values, by the expression that makes them, and what they are in JSON.
var written = []struct{ value, json string }{
	{`null`, `null`},
	{`undefined`, ``},
	{`true`, `true`},
	{`false`, `false`},
	{`0`, `0`},
	{`-1`, `-1`},
	{`2 ** 31 - 1`, `2147483647`},
	{`2 ** 31`, `2147483648`},
	{`-(2 ** 31)`, `-2147483648`},
	{`0.5`, `0.5`},
	{`1e300`, `1e300`},
	{`NaN`, `null`},
	{`Infinity`, `null`},
	{`12345678901234567890n`, `"12345678901234567890"`},
	{`-7n`, `"-7"`},
	{`0n`, `"0"`},
	{`'ready'`, `"ready"`},
	{`'Größe <&>'`, `"Größe <&>"`},
	{`'日本 \u{1F600} \u2028'`, `"日本 😀 \u2028"`},
	{`'x'.repeat(300)`, `"` + strings.Repeat("x", 300) + `"`},
	{`({})`, `{}`},
	{`({ type: 'process:msg', data: { some: ['data', 1, null, true] } })`, `{"type":"process:msg","data":{"some":["data",1,null,true]}}`},
	{`({ a: undefined, b: 1, c: undefined })`, `{"b":1}`},
	{`({ 1: 'one', x: 2 })`, `{"1":"one","x":2}`},
	{`[]`, `[]`},
	{`[1, , undefined, 4]`, `[1,null,null,4]`},
	{`(() => { const a = [1, 2]; a.besides = { x: 1 }; return { a, b: a.besides, c: a }; })()`, `{"a":[1,2],"b":"[Circular]","c":[1,2]}`},
	{`(() => { const a = []; a[50] = 1; return a; })()`, `[` + strings.Repeat("null,", 50) + `1]`},
	{`new Date(0)`, `"1970-01-01T00:00:00.000Z"`},
	{`new Date(1764208800123)`, `"2025-11-27T02:00:00.123Z"`},
	{`new Date(NaN)`, `null`},
	{`new Boolean(true)`, `true`},
	{`new Boolean(false)`, `false`},
	{`new Number(3.5)`, `3.5`},
	{`new String('s')`, `"s"`},
	{`Object(5n)`, `"5"`},
	{`/a"b/giu`, `"/a\"b/giu"`},
	{`new Map([['a', 1], [{ b: 2 }, [3]]])`, `[["a",1],[{"b":2},[3]]]`},
	{`new Set([1, 'two', undefined])`, `[1,"two",null]`},
	{`new Map()`, `[]`},
	{`Buffer.from('hi')`, `{"type":"Buffer","data":[104,105]}`},
	{`new Uint8Array([1, 2])`, `{"type":"Buffer","data":[1,2]}`},
	{`new Uint16Array([1, 2])`, `{"type":"Buffer","data":[1,0,2,0]}`},
	{`new Uint8Array([1, 2, 3]).buffer`, `{"type":"Buffer","data":[1,2,3]}`},
	{`(() => { const x = { n: 1 }; return { a: x, b: x, c: [x] }; })()`, `{"a":{"n":1},"b":{"n":1},"c":[{"n":1}]}`},
	{`(() => { const x = { n: 1 }; x.self = x; return [x, new Date(0)]; })()`, `[{"n":1,"self":"[Circular]"},"1970-01-01T00:00:00.000Z"]`},
	{
		`(() => { const d = new Date(0), b = Buffer.from('a'); return [b, d, /x/, d, b]; })()`,
		`[{"type":"Buffer","data":[97]},"1970-01-01T00:00:00.000Z","/x/","1970-01-01T00:00:00.000Z",{"type":"Buffer","data":[97]}]`,
	},
	{`Object.assign(new TypeError('no'), { stack: 'at home' })`, `{"message":"no","stack":"at home","name":"TypeError"}`},
	{`(() => { const e = new Error(''); e.stack = ''; return { e, f: 1 }; })()`, ``},
}

// TestWhatNodeWritesIsRead, by the Node that is there.
func TestWhatNodeWritesIsRead(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed")
	}
	// What child processes write with: views of bytes are hosted, as is what else is no plain JavaScript.
	script := `const v8 = require('v8');
class S extends v8.DefaultSerializer { _writeHostObject(o) { if (ArrayBuffer.isView(o)) { this.writeUint32(0); return super._writeHostObject(o); } this.writeUint32(1); this.writeValue({ ...o }); } }
const write = (x) => { const s = new S(); s.writeHeader(); s.writeValue(x); return s.releaseBuffer().toString('base64'); };
console.log(JSON.stringify([` + joined() + `].map((f) => write(f()))));`
	cmd := exec.Command(node, "-e", script)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err)
	var all [][]byte
	require.NoError(t, json.Unmarshal(out, &all))
	require.Len(t, all, len(written))
	for i, w := range written {
		got, err := ToJSON(all[i], 1<<20)
		if !assert.NoError(t, err, "%s: %x", w.value, all[i]) {
			continue
		}
		switch {
		case w.json != "":
			assert.True(t, json.Valid(got), "%s: %s", w.value, got)
			assert.JSONEq(t, w.json, string(got), w.value)
		case w.value == "undefined":
			assert.Equal(t, "null", string(got))
		default:
			assert.True(t, json.Valid(got), "%s: %s", w.value, got)
		}
		for n := range all[i] { // cut anywhere it is an error, and no more than that
			_, err := ToJSON(all[i][:n], 1<<20)
			assert.Error(t, err, "%s, %d bytes of it", w.value, n)
		}
	}
}

func joined() string {
	var b strings.Builder
	for _, w := range written {
		b.WriteString("() => (" + w.value + "),\n")
	}
	return b.String()
}

// TestNodeReadsWhatIsWritten: the same text comes back.
func TestNodeReadsWhatIsWritten(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed")
	}
	texts := []string{
		`null`, `true`, `0`, `-1`, `2147483647`, `-2147483648`, `2147483648`, `0.1`, `1e300`, `"ready"`, `"é日😀"`, `""`, `[]`, `{}`,
		`{"cmd":"NODE_CLUSTER","ack":1,"key":"null:3000:4:undefined:0","errno":0,"data":null,"seq":2}`,
		`{"0":"a","10":"b","x":{"y":[1,[2,[3,{"z":null}]]]},"":"empty","__proto__x":1}`,
		`[1,"a",{"b":[]},[[]],null,false]`, `"` + strings.Repeat("long ", 50_000) + `"`,
	}
	var values [][]byte
	for _, text := range texts {
		b, err := FromJSON(nil, []byte(text))
		require.NoError(t, err)
		values = append(values, b)
	}
	in, err := json.Marshal(values)
	require.NoError(t, err)
	cmd := exec.Command(node, "-e", `const v8 = require('v8'); let text = ''; process.stdin.on('data', (d) => text += d).on('end', () => {
		console.log(JSON.stringify(JSON.parse(text).map((b) => JSON.stringify(v8.deserialize(Buffer.from(b, 'base64')))))) })`)
	cmd.Stdin, cmd.Stderr = strings.NewReader(string(in)), os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err)
	var got []string
	require.NoError(t, json.Unmarshal(out, &got))
	for i, text := range texts {
		assert.JSONEq(t, text, got[i])
		back, err := ToJSON(values[i], 1<<20)
		require.NoError(t, err)
		assert.JSONEq(t, text, string(back))
	}
}

// TestWhatNamesItselfIsBounded: each list names the one before twice.
func TestWhatNamesItselfIsBounded(t *testing.T) {
	b := []byte{tagVersion, version}
	const deep = 60
	for range deep {
		b = append(b, tagDense, 2)
	}
	b = append(b, tagDense, 0, tagDenseEnd, 0, 0)
	for i := range deep {
		b = append(b, tagReference, byte(deep-i), tagDenseEnd, 0, 2)
	}
	_, err := ToJSON(b, 1<<20)
	require.ErrorIs(t, err, ErrTooLong)
	nested := []byte{tagVersion, version}
	for range 1 << 20 {
		nested = append(nested, tagDense, 1)
	}
	_, err = ToJSON(nested, 1<<30)
	require.ErrorIs(t, err, ErrFormat)
}

// FuzzToJSON: whatever comes, it is an error or JSON within the bound.
func FuzzToJSON(f *testing.F) {
	for _, text := range []string{`{"a":[1,2.5,"x",null,true,{"b":"é"}]}`, `[]`, `"s"`} {
		b, err := FromJSON(nil, []byte(text))
		require.NoError(f, err)
		f.Add(b)
	}
	f.Add([]byte("\xff\x0fo\"\x01aD\x00\x00\x00\x00\x00\x00\x00\x00\"\x01b^\x01{\x02"))
	f.Add([]byte("\xff\x0f;\"\x01a'I\x02,\x01:\x02"))
	f.Add([]byte("\xff\x0f\\\x00\x0a\x02hi"))
	f.Add([]byte("\xff\x0fB\x02hiVB\x00\x02\x00"))
	f.Add([]byte("\xff\x0frTm\"\x02nos\"\x01x."))
	f.Add([]byte("\xff\x0fZ\x10\x01\x02\x03\x04\x05\x06\x07\x08"))
	f.Fuzz(func(t *testing.T, value []byte) {
		const limit = 1 << 16
		text, err := ToJSON(value, limit)
		if err != nil {
			return
		}
		if len(text) > 0 && !json.Valid(text) {
			t.Fatalf("%q of %x", text, value)
		}
		if len(text) > 4*limit {
			t.Fatalf("%d bytes", len(text))
		}
	})
}

// FuzzFromJSON: what is written is read as what it was.
func FuzzFromJSON(f *testing.F) {
	f.Add([]byte(`{"a":[1,2.5,"x",null,true,{"b":"é"}],"a":-0,"c":1e999}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := FromJSON(nil, text)
		if err != nil || !json.Valid(text) {
			return
		}
		got, err := ToJSON(b, 1<<24)
		if err != nil {
			return // nested too deep
		}
		if !json.Valid(got) {
			t.Fatalf("%q of %q", got, text)
		}
		var want, have any
		if json.Unmarshal(text, &want) != nil {
			return // a number that is out of range
		}
		require.NoError(t, json.Unmarshal(got, &have))
		assert.Equal(t, want, have)
	})
}
