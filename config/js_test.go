package config

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"weaver/app"
	"weaver/config/js"
)

// engines are both ways to run a config. Whatever both can do, they have to do alike.
func engines(t *testing.T, run func(t *testing.T, c Context)) {
	t.Run("node", func(t *testing.T) {
		c := newContext(t)
		node := realNode(t)
		c.Node = func() string { return node }
		run(t, c)
	})
	t.Run("goja", func(t *testing.T) {
		c := newContext(t)
		c.Node = func() string { return "" }
		run(t, c)
	})
}

func eval(t *testing.T, c Context, name, source string) (string, error) {
	t.Helper()
	path := write(t, c.Cwd, name, source, 0o644)
	v, err := evalJS(context.Background(), c, path)
	if err != nil {
		return "", err
	}
	return string(raw(v)), nil
}

func TestBothEnginesReadAlike(t *testing.T) {
	engines(t, func(t *testing.T, c Context) {
		c.Env.Set("STAGE", "blue")
		c.Argv = []string{"/usr/bin/pm2", "start", "x.config.js", "--env", "x", "--", "-e"}
		write(t, c.Cwd, "shared.json", `{"apps": [1]}`, 0o644)
		write(t, c.Cwd, "lib/part.js", `exports.name = 'part'; exports.here = __dirname.split('/').pop()`, 0o644)
		write(t, c.Cwd, "lib/esm.mjs", "export const two = 2\nexport default 'std'\n", 0o644)
		for i, tc := range []struct{ name, source, want string }{
			{"js", `module.exports = {a: 1, b: 'x', c: [true, null, undefined], d: undefined, e: () => 1, f: NaN}`, `{"a":1,"b":"x","c":[true,null,null],"f":null}`},
			{
				"js", `module.exports = {apps: [{at: new Date(0), env: {A: new Date(0), B: /re/g, C: NaN, D: {x: new Date(0)}, E: 1}, env_x: {A: new Date(0)}}]}`,
				`{"apps":[{"at":"1970-01-01T00:00:00.000Z","env":{"A":"\"1970-01-01T00:00:00.000Z\"","B":"{}","D":{"x":"1970-01-01T00:00:00.000Z"},"E":1},"env_x":{"A":"\"1970-01-01T00:00:00.000Z\""}}]}`,
			},
			{"js", `exports.apps = [process.env.STAGE, process.cwd() === __dirname, process.platform.length > 0]`, `{"apps":["blue",true,true]}`},
			{"js", `module.exports = process.argv.slice(1).concat(process.execArgv)`, `["/usr/bin/pm2","start","x.config.js","--env","x","--","-e"]`},
			{"js", `module.exports = require('./shared.json')`, `{"apps":[1]}`},
			{"js", `module.exports = require('./lib/part')`, `{"name":"part","here":"lib"}`},
			{"js", `module.exports = () => ({called: true})`, `{"called":true}`},
			{"js", `module.exports = async () => ({awaited: await Promise.resolve(7)})`, `{"awaited":7}`},
			{"js", `module.exports = Promise.resolve([1])`, `[1]`},
			{"js", `Object.defineProperty(exports, '__esModule', {value: true}); exports.default = {x: 1}`, `{"x":1}`},
			{"js", `const {join, basename, dirname, extname, resolve, relative} = require('node:path')
				module.exports = [join('a', '..', 'b'), basename('/x/y.js', '.js'), dirname('/x/y'), extname('a.b.c'), extname('.rc'),
					resolve('/a', 'b', '../c'), relative('/a/b', '/a/c'), join('')]`, `["b","y","/x",".c","","/a/c","../c","."]`},
			{"js", `const fs = require('fs'); module.exports = [fs.existsSync('shared.json'), fs.existsSync('/none'),
				JSON.parse(fs.readFileSync(__dirname + '/shared.json', 'utf8')).apps[0], fs.statSync('lib').isDirectory(), fs.readdirSync('lib').length]`, `[true,false,1,true,2]`},
			{"js", `module.exports = [require('os').cpus().length > 0, typeof require('os').hostname()]`, `[true,"string"]`},
			{"js", `const {a = 1, ...rest} = {b: 2, c: 3}; class X { #p = 5; get v() { return this.#p ?? 0 } }
				module.exports = {a, ...rest, v: new X().v, t: ` + "`${a}-x`" + `, n: null?.x, re: /a.b/i, d: [..."ab"].at(-1)}`, `{"a":1,"b":2,"c":3,"v":5,"t":"1-x","re":"/a.b/i","d":"b"}`},
			{"js", `module.exports = [1e21, 1e-7, 0.1 + 0.2, -0, 123456789012, 1/0, new Number(7), "<a&b>"]`, `[1e21,1e-7,0.30000000000000004,0,123456789012,null,7,"<a&b>"]`},
			{"mjs", "export default {x: 1}", `{"x":1}`},
			{"mjs", "export const apps = [1]\nexport const deploy = {}", `{"apps":[1],"deploy":{}}`},
			{"mjs", "import path from 'node:path'\nimport { existsSync as has } from 'fs'\nimport * as os from 'os'\nexport default [path.join('a', 'b'), has('/none'), typeof os.cpus]", `["a/b",false,"function"]`},
			{"mjs", "import std, { two } from './lib/esm.mjs'\nexport default [std, two]", `["std",2]`},
			{"mjs", "const apps = [1]\nconst other = 2\nexport { apps, other as more }\n", `{"apps":[1],"more":2}`},
			{"mjs", "export default async () => [1]", `[1]`},
			{"mjs", "export function apps() {}\nexport default 5", `{"default":5}`},
			{"cjs", "'use strict'\n// export nothing here, but say import { x } from 'y'\nmodule.exports = {text: `\n  x\n`}", `{"text":"\n  x\n"}`},
		} {
			got, err := eval(t, c, fmt.Sprintf("c%d.config.%s", i, tc.name), tc.source)
			if assert.NoError(t, err, tc.source) {
				// An ES module's exports come sorted.
				assert.JSONEq(t, tc.want, got, tc.source)
			}
		}
	})
}

func TestBothEnginesSayWhereItGoesWrong(t *testing.T) {
	engines(t, func(t *testing.T, c Context) {
		write(t, c.Cwd, "inner.js", "\n  nope()\n", 0o644)
		for i, tc := range []struct{ ext, source, where string }{
			{"js", "module.exports = {\n  a 1\n}", ":2:5: SyntaxError: Unexpected "},
			{"js", "module.exports = ]", ":1:18: SyntaxError: Unexpected "},
			{"js", "\n\nlet x = foo", ":3:9: ReferenceError: foo is not defined"},
			{"js", "null.x", ":1:6: TypeError: Cannot read property"},
			{"js", "const s = 'abc\n", ":1:11: SyntaxError: Invalid or unexpected token"},
			{"mjs", "export default {\n  apps: [}\n}", ":2:10: SyntaxError: Unexpected token "},
			{"js", "module.exports = {\n  a: [", ":2:7: SyntaxError: Unexpected end of input"},
			{"mjs", "export default bar", ":1:16: ReferenceError: bar is not defined"},
			{"js", "require('./inner')", "inner.js:2:"},
		} {
			_, err := eval(t, c, fmt.Sprintf("c%d.config.%s", i, tc.ext), tc.source)
			require.Error(t, err, tc.source)
			// The engines word these two differently.
			message := strings.NewReplacer("Cannot read properties of", "Cannot read property of", "Cannot read property 'x' of", "Cannot read property of",
				"Unexpected token ILLEGAL", "Invalid or unexpected token").Replace(err.Error())
			assert.Contains(t, message, tc.where, tc.source)
		}
	})
}

func TestConfigsThatNeverEndOrNeverStop(t *testing.T) {
	c := newContext(t)
	c.Node = func() string { return "" }
	for source, want := range map[string]string{
		"while (true);":                             "did not finish within 1s",
		"const f = () => f(); f()":                  "",
		"const a = {}; a.a = a; module.exports = a": "it contains itself",
		"let a = []; for (let i = 0; i < 1e3; i++) a = [a]; module.exports = a": "nested more than 256 deep",
		"module.exports = new Array(1e9)":                                       "more than 500000 values",
		"module.exports = new Promise(() => {})":                                "install node",
		"module.exports = Promise.reject(new Error('no'))":                      "no",
		"throw 5":                  "5",
		"throw new Error('a\\nb')": "Error: a",
		"module.exports = {get x() { throw new Error('in a getter') }}": "in a getter",
		"require('dotenv')":                 "needs a module",
		"require('child_process')":          "needs a module",
		strings.Repeat("[", 100_000):        "nested more than 256 deep",
		strings.Repeat("!", 200_000) + "1":  "",
		strings.Repeat(" ", js.MaxSource+1): "too large to be read without node",
	} {
		got, err := eval(t, c, "x.config.js", source)
		if want == "" {
			continue // it ended, which is what counts
		}
		require.Error(t, err, "%s: %s", clip(source), clip(got))
		assert.Contains(t, strings.ReplaceAll(err.Error(), "requires a module", "needs a module"), want, clip(source))
		assert.Less(t, len(err.Error()), 500)
	}
}

func TestNodeConfigsWithinBounds(t *testing.T) {
	c := newContext(t)
	node := realNode(t)
	c.Node = func() string { return node }
	for source, want := range map[string]string{
		"const a = {}; a.a = a; module.exports = a": "circular",
		"process.exit(3)":                   "node ended with exit status 3",
		"process.exit(0)":                   "it ended node before it was read",
		"module.exports = 'x'.repeat(20e6)": "the result is larger than 8 MB",
		"let a = []; for (let i = 0; i < 500; i++) a = [a]; module.exports = a": "nested more than 256 deep",
		"throw null":                 "null",
		"require('no-such-package')": "Cannot find module 'no-such-package'",
	} {
		_, err := eval(t, c, "x.config.js", source)
		require.Error(t, err, source)
		assert.Contains(t, err.Error(), want, source)
		assert.Less(t, len(err.Error()), 500)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := evalJS(ctx, c, write(t, c.Cwd, "y.config.js", "while (true);", 0o644))
	assert.ErrorIs(t, err, context.Canceled)
}

func TestWhatAConfigPrintsIsNoConfig(t *testing.T) {
	engines(t, func(t *testing.T, c Context) {
		var talk bytes.Buffer
		c.Talk = &talk
		got, err := eval(t, c, "x.config.js", `console.log('hello', 5); console.error('{"value": 1}'); module.exports = [1]`)
		require.NoError(t, err)
		assert.Equal(t, `[1]`, got)
		assert.Contains(t, talk.String(), "hello 5\n")
		assert.Contains(t, talk.String(), `{"value": 1}`)
	})
}

func TestANodeThatCannotRunIsNoNode(t *testing.T) {
	c := newContext(t)
	c.Node = func() string { return c.Cwd + "/gone" }
	_, err := eval(t, c, "x.config.js", `module.exports = [1]`)
	require.Error(t, err)
	c.Node = nil
	c.Env = app.Env{{Name: "PATH", Value: "/nowhere"}}
	got, err := eval(t, c, "x.config.js", `module.exports = [1]`)
	require.NoError(t, err)
	assert.Equal(t, `[1]`, got)
	for engine, want := range map[string]string{"": "there is no node in PATH", c.Cwd + "/weaver-js": "there is neither node in PATH nor " + c.Cwd + "/weaver-js"} {
		c := c
		c.Engine = engine
		_, err = eval(t, c, "x.config.js", `module.exports = [1]`)
		assert.ErrorContains(t, err, want)
	}
	_, err = eval(t, c, "x.config.ts", `export default []`)
	assert.ErrorContains(t, err, "a TypeScript config needs node")
}

func TestTypeScriptConfigsByWhatTheProjectHas(t *testing.T) {
	c := newContext(t)
	node := realNode(t)
	c.Node = func() string { return node }
	if _, err := stripTypes(context.Background(), c, node); err == nil {
		t.Skip("this node reads TypeScript itself")
	}
	text := "const name: string = 'a'\nmodule.exports = {apps: [{name, script: 'server.js'}]}"
	_, err := eval(t, c, "x.config.ts", text)
	assert.ErrorContains(t, err, "TypeScript apps require")
	hook := `require.extensions['.ts'] = (m, f) => m._compile(require('fs').readFileSync(f, 'utf8').replace(': string', ''), f)`
	for runner, files := range map[string]map[string]string{
		"ts-node": {"register/transpile-only.js": hook},
		"tsx":     {"loader.mjs": "import { createRequire } from 'node:module'\nconst require = createRequire(import.meta.url)\n" + hook, "package.json": `{"exports": {".": "./loader.mjs"}}`},
	} {
		write(t, c.Cwd, "node_modules/.bin/"+runner, "#!/bin/sh\n", 0o755)
		for name, text := range files {
			write(t, c.Cwd, "node_modules/"+runner+"/"+name, text, 0o644)
		}
		got, err := eval(t, c, "x.config.ts", text)
		require.NoError(t, err, runner)
		assert.Equal(t, `{"apps":[{"name":"a","script":"server.js"}]}`, got, runner)
		require.NoError(t, os.RemoveAll(filepath.Join(c.Cwd, "node_modules")))
	}
}

func TestSourcesOutsideOfBoundsAreNotRequired(t *testing.T) {
	c := newContext(t)
	c.Node = func() string { return "" }
	path := write(t, c.Cwd, "big.js", "", 0o644)
	require.NoError(t, os.Truncate(path, js.MaxSource+1))
	_, err := eval(t, c, "x.config.js", `require('./big.js')`)
	assert.ErrorContains(t, err, filepath.Base(path)+" is too large")
}
