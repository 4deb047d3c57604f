package cli

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// words splits a test line at blanks; 'a b' keeps its blank.
func words(line string) []string {
	var out []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			out = append(out, part)
			continue
		}
		out = append(out, strings.Fields(part)...)
	}
	return out
}

// onlyFiles stands in for the file system: what has a dot is a file.
func onlyFiles(word string) bool { return strings.Contains(word, ".") }

func TestGrammarPutsFlagsBeforeArguments(t *testing.T) {
	for _, row := range []struct{ in, argv, rest string }{
		{"start app.js", "-- app.js", ""},
		{"start app.js -i 4 --name x -- --port 1", "--instances=4 --name=x -- app.js", "--port 1"},
		{"-n x start app.js", "--name=x -- app.js", ""},
		{"--name x --watch start app.js", "--name=x --watch= -- app.js", ""},
		{"start --watch src lib", "--watch=src -- lib", ""},
		{"start --watch src --watch lib app.js", "--watch=src --watch=lib -- app.js", ""},
		{"start --watch app.js", "--watch= -- app.js", ""},
		{"start --watch src", "--watch=src --", ""},
		{"start app.js --watch", "--watch= -- app.js", ""},
		{"start --watch -i 2 app.js", "--watch= --instances=2 -- app.js", ""},
		{"restart --watch web", "--watch= -- web", ""},
		{"restart --log all", "--log= -- all", ""},
		{"restart --filter-env AWS --watch web", "--filter-env=AWS --watch= -- web", ""},
		{"start -i -1 app.js", "--instances=-1 -- app.js", ""},
		{"start -i4 app.js", "--instances=4 -- app.js", ""},
		{"start -i=4 app.js", "--instances=4 -- app.js", ""},
		{"start --instances=max app.js", "--instances=max -- app.js", ""},
		{"start -fxn web app.js", "--force --execute-command --name=web -- app.js", ""},
		{"start app.js --name=a=b", "--name=a=b -- app.js", ""},
		{"start app.js --name=", "--name= -- app.js", ""},
		{"start --no-autorestart app.js", "--no-autorestart -- app.js", ""},
		{"start app.js --node-args --harmony", "--interpreter-args=--harmony -- app.js", ""},
		{"start app.js --node-args --time", "--interpreter-args=--time -- app.js", ""},
		{"start app.js --interpreter-args '--a --b'", "'--interpreter-args=--a --b' -- app.js", ""},
		{"start app.js --cron '* * * * *'", "'--cron-restart=* * * * *' -- app.js", ""},
		{"start 'node app.js --port 3'", "-- 'node app.js --port 3'", ""},
		{"start a.js b.js c.js", "-- a.js b.js c.js", ""},
		{"start -", "-- -", ""},
		{"start", "--", ""},
		// What PM2 gets wrong.
		{"start a.js -- a.js", "-- a.js", "a.js"},
		{"start a.js --", "-- a.js", ""},
		{"start a.js -- -- x", "-- a.js", "-- x"},
		{"start a.js -- --name x", "-- a.js", "--name x"},
		{"start --stop-exit-codes 0 3 app.js", "--stop-exit-codes=0 --stop-exit-codes=3 -- app.js", ""},
		{"start app.js --stop-exit-codes 0,3", "--stop-exit-codes=0,3 -- app.js", ""},
		{"restart --stop-exit-codes 0 3", "--stop-exit-codes=0 -- 3", ""},
		{"start --max-restarts app.js", "--max-restarts= -- app.js", ""},
		{"start --max-restarts 5 app.js", "--max-restarts=5 -- app.js", ""},
		{"start --max-restarts 5", "--max-restarts=5 --", ""},
		{"scale web -1", "-- web -1", ""},
		{"scale web +2 --json", "--json -- web +2", ""},
		{"logs --timestamp web", "--timestamp= -- web", ""},
		{"logs --timestamp HH:mm web", "--timestamp=HH:mm -- web", ""},
		{"log web", "-- web", ""},
		{"stop log", "-- log", ""},
		{"logs web -n 5 -f", "--lines=5 --follow -- web", ""},
		{"--lines 5 logs web", "--lines=5 -- web", ""},
		{"logs web --out --err", "--out --err -- web", ""},
		{"start app.js -o out.log -e err.log", "--output=out.log --error=err.log -- app.js", ""},
		{"stop -- -odd", "-- -odd", ""},
		{"delete all -m --silent", "--mini-list --silent -- all", ""},
		{"ls --watch", "--watch --", ""},
		{"list --json=false", "--", ""},
		{"-s list", "--silent --", ""},
		{"save -f", "--force --", ""},
		{"start app.js -u www --gid adm", "--uid=www --gid=adm -- app.js", ""},
	} {
		t.Run(row.in, func(t *testing.T) {
			l, err := parse(commands(), words(row.in), onlyFiles)
			require.NoError(t, err)
			require.NotNil(t, l.cmd)
			assert.Equal(t, words(row.argv), l.argv)
			assert.Equal(t, words(row.rest), l.rest)
		})
	}
}

func TestGrammarSaysWhatIsWrong(t *testing.T) {
	for _, row := range []struct{ in, message, hint string }{
		{"start app.js --foo", "unknown option `--foo'", ""},
		{"start app.js --instnaces 4", "unknown option `--instnaces'", "did you mean --instances?"},
		{"start --wach app.js", "unknown option `--wach'", "did you mean --watch?"},
		{"start --inst=4 app.js", "unknown option `--inst'", "did you mean --instances?"},
		{"stop web --nostream", "unknown option `--nostream'", "--nostream is a flag of logs"},
		{"stop web -q", "unknown option `-q'", ""},
		{"stop web -é", "unknown option `-é'", ""},
		{"stop -1", "unknown option `-1'", ""},
		{"--instnaces 3 start", "unknown option `--instnaces'", "did you mean --instances?"},
		{"start app.js --name", "option `--name' argument missing", ""},
		{"start app.js -n", "option `-n' argument missing", ""},
		{"start app.js --name -- x", "option `--name' argument missing", ""},
		{"start --name --watch app.js", "option `--name' argument missing", "to pass --watch as its value write --name=--watch"},
		{"start app.js --stop-exit-codes", "option `--stop-exit-codes' argument missing", ""},
		{"start app.js --force=maybe", "option `--force' takes no value", ""},
		{"stop", "missing required argument `id|name|namespace|all|json|stdin'", "weaver stop " + targetArgs},
		{"scale web", "missing required argument `number'", "weaver scale NAME N|+N|-N"},
		{"kill extra", "unexpected argument `extra'", "weaver kill -h"},
		{"ping -- extra", "unexpected argument `extra'", "weaver ping -h"},
	} {
		t.Run(row.in, func(t *testing.T) {
			_, err := parse(commands(), words(row.in), onlyFiles)
			var usage *usageError
			require.ErrorAs(t, err, &usage)
			assert.Equal(t, row.message, usage.message)
			assert.Equal(t, row.hint, usage.hint)
		})
	}
}

func TestATolerantCommandLeavesOutWhatItDoesNotKnow(t *testing.T) {
	table := commands()
	find(table, "runtime").tolerant = true
	for _, row := range []struct{ in, argv, unknown string }{
		{"runtime app.js --old", "-- app.js", "--old"},
		{"runtime --old app.js", "-- app.js", "--old"},
		{"runtime app.js --old value -i 2", "--instances=2 -- app.js", "--old"},
		{"runtime app.js --old=value more", "-- app.js more", "--old"},
		{"runtime app.js -Q more", "-- app.js more", "-Q"},
	} {
		l, err := parse(table, strings.Fields(row.in), nil)
		require.NoError(t, err, row.in)
		assert.Equal(t, row.argv, strings.Join(l.argv, " "), row.in)
		assert.Equal(t, row.unknown, strings.Join(l.unknown, " "), row.in)
	}
	_, err := parse(commands(), []string{"runtime", "app.js", "--old"}, nil)
	assert.ErrorContains(t, err, "unknown option", "weaver's own says so")
}

func TestGrammarFindsHelpAndVersion(t *testing.T) {
	for in, want := range map[string]line{
		"":               {},
		"-h":             {help: true},
		"--help":         {help: true},
		"-v":             {version: true},
		"-V":             {version: true},
		"--version":      {version: true},
		"stop -h":        {help: true, word: "stop"},
		"stop web -h -x": {help: true, word: "stop"},
		"-h stop":        {help: true, word: "stop"},
		"ls -v":          {version: true, word: "ls"},
		"frobnicate":     {word: "frobnicate"},
		"frobnicate -h":  {word: "frobnicate"},
		"-- stop":        {},
	} {
		l, err := parse(commands(), words(in), nil)
		require.NoError(t, err, in)
		assert.Equal(t, want.help, l.help, in)
		assert.Equal(t, want.version, l.version, in)
		assert.Equal(t, want.word, l.word, in)
		assert.Equal(t, want.word != "" && want.word != "frobnicate", l.cmd != nil, in)
	}
}

func TestTheTableHasNoTwoMeanings(t *testing.T) {
	table := commands()
	seen := map[string]string{}
	for _, c := range table {
		if form := c.asService(); form != nil {
			assert.NotNil(t, form.run, form.name)
			assert.NotEmpty(t, form.help, form.name)
			if c.run == nil {
				continue
			}
		}
		for _, name := range append(strings.Fields(c.alias), c.name) {
			assert.Empty(t, seen[name], "%s is both %s and %s", name, seen[name], c.name)
			seen[name] = c.name
		}
		assert.NotEmpty(t, c.name)
		assert.NotNil(t, c.run, c.name)
		if !c.hidden {
			assert.NotEmpty(t, c.help, c.name)
			assert.NotEmpty(t, c.group, c.name)
		}
	}
	spellings := map[string]string{}
	for _, set := range [][]flag{commonFlags, specFlags} {
		for _, f := range set {
			for _, name := range append(strings.Fields(f.alias), f.name) {
				assert.Empty(t, spellings[name], "--%s is both --%s and --%s", name, spellings[name], f.name)
				spellings[name] = f.name
			}
		}
	}
}

func TestNearestWord(t *testing.T) {
	names := []string{"web", "worker", "api", "instances", "interpreter"}
	for word, want := range map[string]string{
		"wbe": "web", "we": "web", "Web": "web", "wroker": "worker", "inst": "instances", "zzz": "", "a": "", "interpretor": "interpreter", "WORKER": "worker",
	} {
		assert.Equal(t, want, nearest(word, names), word)
	}
}

// FuzzGrammar holds that no line makes the parser panic, that urfave can read whatever it hands over, and that words
// behind "--" come out as they went in.
func FuzzGrammar(f *testing.F) {
	for _, seed := range []string{
		"start app.js -i 4 --name x -- --port 1", "-n x start app.js", "start --watch src lib", "stop -fabc all", "scale web -1",
		"logs --timestamp HH web -n 3", "--=x start", "- -- -", "start --stop-exit-codes 0 3", "-é stop --é=1", "restart --watch web --",
	} {
		f.Add(strings.ReplaceAll(seed, " ", "\x00"))
	}
	table := commands()
	f.Fuzz(func(t *testing.T, joined string) {
		args := strings.Split(joined, "\x00")
		l, err := parse(table, args, onlyFiles)
		if err != nil || l.cmd == nil || l.help || l.version {
			return
		}
		if len(l.args) < l.cmd.min || (l.cmd.max >= 0 && len(l.args) > l.cmd.max) {
			t.Fatalf("%q: %d arguments for %s", args, len(l.args), l.cmd.name)
		}
		if n := len(l.rest); n > 0 && strings.Join(args[len(args)-n:], "\x00") != strings.Join(l.rest, "\x00") {
			t.Fatalf("%q: rest is %q", args, l.rest)
		}
		var got []string
		row := *l.cmd
		row.run = func(c *call) error { got = c.flags.Args().Slice(); return nil }
		l.cmd = &row
		c := &call{ctx: t.Context(), env: &Env{Argv0: "weaver", Stdout: os.Stdout, Stderr: os.Stderr}}
		if err := c.dispatch(l); err != nil {
			t.Fatalf("%q: urfave does not read %q: %v", args, l.argv, err)
		}
		if strings.Join(got, "\x00") != strings.Join(l.args, "\x00") {
			t.Fatalf("%q: urfave sees %q, not %q", args, got, l.args)
		}
	})
}
