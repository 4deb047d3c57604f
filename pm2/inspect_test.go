package pm2

import (
	"bytes"
	"math"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/app"
)

func TestInspectOfIDLists(t *testing.T) {
	assert.Equal(t, "[ 0, 6 ]", Inspect([]app.ID{0, 6}))
	assert.Equal(t, "[ '99' ]", Inspect([]string{"99"}))
	assert.Equal(t, "[]", Inspect([]int(nil)))
	assert.Equal(t, "{ msg: 'pong' }", Inspect(map[string]string{"msg": "pong"}))
	// As PM2 printed it while it deleted 17 processes.
	assert.Equal(t, "[\n  0,  1,    2,  3,  4,\n  5,  6,    7,  8,  9,\n  10, 11,   12, 13, 14,\n  16, '77'\n]",
		Inspect(Array(Number(0), Number(1), Number(2), Number(3), Number(4), Number(5), Number(6), Number(7), Number(8),
			Number(9), Number(10), Number(11), Number(12), Number(13), Number(14), Number(16), String("77"))))
}

// corpus makes values of every kind and nesting, by a seed, and prints each as JSON and as util.inspect has it.
const corpus = `
const util = require('util');
let seed = Number(process.argv[1]);
const rnd = n => { seed = (seed * 1103515245 + 12345) & 0x7fffffff; return (seed >> 8) % n; };
const pick = a => a[rnd(a.length)];
const bits = ["a", "bc", "'", '"', '` + "`" + `', '$' + '{', '\\', '\n', '\t', '\x00', '\x1b', '\x7f', '\x85', '\xa0', 'é', 'e\u0301', '日本', '😀', ' ', 'word ', '0123456789', 'lorem ipsum dolor sit amet', '/usr/local/bin:', '\u2028', '\u200b'];
const str = () => { let s = ''; for (let n = rnd(pick([2, 5, 12, 40])); n > 0; n--) s += pick(rnd(3) ? bits : ['a', 'word ', 'x/']); return s; };
const num = () => pick([0, -0, 1, -1, 3.5, 1e21, 1.5e-7, 1e-6, 123456789012345680000, rnd(10), rnd(1000), rnd(1e9) / 7, -rnd(1e6), 1795489709917, 2 ** 53, 0.1 + 0.2, 1e300, 5e-324]);
const key = () => pick([() => 'k' + rnd(50), () => 'camelCase', () => '_x1', () => 'with space', () => 'dash-ed', () => String(rnd(20)), str, () => '', () => '__proto__', () => '0x', () => 'é', () => "it's"])();
function value(depth) {
  const k = rnd(depth > 4 ? 5 : 11);
  switch (k) {
    case 0: return null; case 1: return rnd(2) === 1; case 2: return num(); case 3: case 4: return str();
    case 5: case 6: { const a = []; for (let n = rnd(12); n > 0; n--) a.push(value(depth + 1)); return a; }
    case 7: { const a = []; const f = pick([num, str, () => rnd(100), () => pick(['a', 'bb', 'ccc']), () => rnd(2) ? rnd(9) : 'z', () => '日'.repeat(rnd(4)), () => 'é' + rnd(99)]); for (let n = rnd(pick([10, 30, 150])); n > 0; n--) a.push(f()); return a; }
    default: { const o = {}; for (let n = rnd(9); n > 0; n--) { const k = key(); Object.defineProperty(o, k, { value: value(depth + 1), enumerable: true, writable: true, configurable: true }); } return o; }
  }
}
const fixed = [[], {}, [[]], [{}], { a: {} }, { a: { b: { c: { d: {} } } } }, { a: { b: { c: { d: 1 } } } }, 'x'.repeat(10001), 'x'.repeat(10005) + '\n', '😀'.repeat(5000) + 'ab', 'a'.repeat(9999) + '😀b', 'line\n'.repeat(30), 'short\n', '\n'.repeat(90),
  Array(200).fill(1), Array(7).fill('x'.repeat(30)), [1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6, 7], ['a', 'b', 'c', 'd', 'e', 'f', 'g'], { k: Array(101).fill(0).map((_, i) => i) }, Array(27).fill(-1.5)];
const out = [];
const show = v => {
  const json = JSON.stringify(v);
  // What JSON cannot hold (-0) is lost on the way here: inspect what will be read.
  out.push(JSON.stringify([json, util.inspect(JSON.parse(json), { showHidden: false, depth: null, colors: false, maxArrayLength: null })]));
};
fixed.forEach(show);
for (let i = 0; i < Number(process.argv[2]); i++) show(value(0));
process.stdout.write(out.join('\n'));
`

func TestInspectIsNodesOnAnyValue(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("no node to compare with: ", err)
	}
	for _, seed := range []string{"1", "77", "4242"} {
		var stderr bytes.Buffer
		cmd := exec.Command(node, "-e", corpus, "--", seed, "1500")
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		require.NoError(t, err, stderr.String())
		for _, line := range bytes.Split(out, []byte("\n")) {
			pair, err := Parse(line)
			require.NoError(t, err)
			source, want := pair.list[0].text, pair.list[1].text
			v, err := Parse([]byte(source))
			require.NoErrorf(t, err, "%s", source)
			if got := Inspect(v); got != want {
				t.Fatalf("seed %s: %.2000s\nnode: %.3000s\nours: %.3000s", seed, source, want, got)
			}
			require.Equal(t, source, string(v.AppendJSON(nil)), "JSON.stringify")
		}
	}
}

func TestInspectOfWhatJSONCannotHold(t *testing.T) {
	assert.Equal(t, "-0", Inspect(Number(math.Copysign(0, -1))))
	assert.Equal(t, "'a\uFFFDb'", Inspect(String("a\xffb")))
	assert.Equal(t, "1", Inspect(1))
	assert.Equal(t, "null", Inspect(nil))
	assert.True(t, strings.HasPrefix(Inspect(make(chan int)), "'json"))
}
