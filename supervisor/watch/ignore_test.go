package watch

import (
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func filterOf(t testing.TB, ignore ...string) *filter {
	t.Helper()
	f, err := newFilter(&Options{Dir: "/app", Ignore: ignore})
	require.NoError(t, err)
	return f
}

// hides asks like a walk does: for each directory on the way, then for the file.
func hides(f *filter, name string) bool {
	for at := 0; at >= 0; {
		next := strings.IndexByte(name[at:], '/')
		if next < 0 {
			return f.ignores("/app/"+name, "/app", false)
		}
		if f.ignores("/app/"+name[:at+next], "/app", true) {
			return true
		}
		at += next + 1
	}
	return false
}

// What chokidar 3.6.0, which PM2 uses, left out of these files when told to ignore these patterns.
func TestPatternsMeanWhatTheyMeanToChokidar(t *testing.T) {
	files := strings.Fields("a.txt a.log logs/x logs/d/y.log src/a.js src/logs/z src/a.log src/deep/b.js node_modules/m/i.js src/node_modules/q " +
		".git/HEAD src/.env [id].js i.js b+c.txt UP.LOG public/img/1.png x{1}.t tmp.d/k")
	const src = "src/a.js src/logs/z src/a.log src/deep/b.js src/node_modules/q src/.env"
	for pattern, want := range map[string]string{
		"node_modules":           "node_modules/m/i.js",
		"logs":                   "logs/x logs/d/y.log",
		"./logs":                 "logs/x logs/d/y.log",
		"*.log":                  "a.log",
		"**/*.log":               "a.log logs/d/y.log src/a.log",
		"src/*":                  src,
		"src/**":                 src,
		"/app/src":               src,
		"/app/src/*.js":          "src/a.js",
		"src/**/*.js":            "src/a.js src/deep/b.js",
		"logs *.txt":             "a.txt logs/x logs/d/y.log b+c.txt",
		"[id].js":                "[id].js i.js",
		".*":                     ".git/HEAD",
		"**/.*":                  "src/.env .git/HEAD",
		"src/{a,deep/b}.js":      "src/a.js src/deep/b.js",
		"?.txt":                  "a.txt",
		"src/[ab].*":             "src/a.js src/a.log",
		"a.*":                    "a.txt a.log",
		"!src":                   "",
		"**/node_modules/**":     "node_modules/m/i.js src/node_modules/q",
		"**/logs":                "logs/x logs/d/y.log src/logs/z",
		"*.LOG":                  "UP.LOG",
		"src/**/b.js":            "src/deep/b.js",
		"lo*":                    "logs/x logs/d/y.log",
		"x{1}.t":                 "x{1}.t",
		"b+c.txt":                "b+c.txt",
		"+(a|b).txt":             "a.txt",
		"*.{log,txt}":            "a.txt a.log b+c.txt",
		"logs/*":                 "logs/x logs/d/y.log",
		"../x":                   "",
		"../app/logs":            "logs/x logs/d/y.log",
		"../*/logs":              "logs/x logs/d/y.log",
		"*":                      strings.Join(files, " "),
		"**":                     strings.Join(files, " "),
		"src/+(a|z).js":          "src/a.js",
		"img":                    "",
		"tmp.d":                  "tmp.d/k",
		"**/deep":                "src/deep/b.js",
		"public/**/*.png":        "public/img/1.png",
		"{src,logs}/**":          "logs/x logs/d/y.log " + src,
		"public/img/1.png  i.js": "public/img/1.png i.js",
		// Where chokidar does nothing, for a mistake that nobody makes on purpose.
		"logs/":          "logs/x logs/d/y.log",
		"src/":           src,
		`\.log$`:         "a.log logs/d/y.log src/a.log",
		`/\.LOG$/i`:      "a.log logs/d/y.log src/a.log UP.LOG",
		`.*\.log`:        "a.log logs/d/y.log src/a.log",
		`[\/\\]\.`:       "src/.env .git/HEAD",
		`^src\/[a-c]\.`:  "src/a.js src/a.log",
		`logs\/`:         "logs/x logs/d/y.log src/logs/z",
		`^logs\/`:        "logs/x logs/d/y.log",
		`\d\.png`:        "public/img/1.png",
		`/^\/(logs|i)$/`: "logs/x logs/d/y.log",
		"[!a].js":        "i.js",
	} {
		var got []string
		f := filterOf(t, strings.Fields(pattern)...)
		for _, file := range files {
			if hides(f, file) {
				got = append(got, file)
			}
		}
		assert.ElementsMatch(t, strings.Fields(want), got, pattern)
	}
}

func TestGlobs(t *testing.T) {
	for _, tc := range []struct{ pattern, yes, no string }{
		{"*", "a .a a.b", "a/b"},
		{"*.js", "a.js .js", "js a.jsx b/a.js"},
		{"a*", "a ab", "ba a/b"},
		{"a**b", "ab axb", "a/b"},
		{"**/a", "a x/a x/y/a .x/a", "xa x/ba a/x"},
		{"a/**", "a a/b a/b/c a/.b", "ab b/a"},
		{"a/**/**", "a a/b a/b/c", "ab"},
		{"*/**", "a/b a/b/c", "a"},
		{"a*/**", "ab/c a/b", "a ab"},
		{"a/**/*", "a/b a/b/c", "a"},
		{"a/**/b", "a/b a/x/b a/x/y/b", "ab a/xb b"},
		{"a/*/b", "a/x/b a/.x/b", "a/b a/x/y/b"},
		{"**", "a a/b .a/.b", ""},
		{"a?c", "abc a.c", "ac abbc a/c"},
		{"[a-c]x", "ax bx cx", "dx -x x"},
		{"[!a-c]x", "dx -x", "ax /x"},
		{"[^a]x", "bx", "ax"},
		{"[]]x", "]x", "[x"},
		{"[a\\]b]x", "ax ]x bx", "\\x"},
		{"[[:digit:]]x", "1x", "ax :x"},
		{"[a", "[a", "a"},
		{"[z-a]", "[z-a]", "z a -"},
		{"[a/b]c", "[a/b]c", "ac bc"},
		{"[+-]x", "+x -x", "ax"},
		{"[$.^]x", "$x .x ^x", "ax"},
		{"{a,b}", "a b", "{a,b}x ab c"},
		{"{a,b}/*.{js,ts}", "a/x.js b/y.ts", "c/x.js a/x.jsx"},
		{"{a,{b,c}d}e", "ae bde cde", "be de"},
		{"{a,b/**}", "a b b/c/d", "a/c"},
		{"{,x}y", "y xy", "zy"},
		{"{a}", "{a}", "a"},
		{"{a,b", "{a,b", "a b"},
		{"a}b", "a}b", "ab"},
		{"@(a|b)c", "ac bc", "abc c"},
		{"?(a|b)c", "ac c", "abc"},
		{"*(a|b)c", "c ababc", "dc"},
		{"+(a|b)c", "ac bac", "c"},
		{"(a|b)c", "ac bc", "c"},
		{"(a)", "(a)", "a"},
		{"+(a", "+(a", "a aa"},
		{"a+b@c", "a+b@c", "aab@c"},
		{`\*`, "*", "a \\*x"},
		{`\[id\].js`, "[id].js", "i.js"},
		{`a\`, `a\`, "a"},
		{"a.b", "a.b", "axb"},
		{"a//b/./c/", "a/b/c", "a/b"},
		{"é?/[ä-ü]", "éx/ö éö/ü", "éx/a"},
		{"a\nb*", "a\nb a\nbc", "b"},
	} {
		f := filterOf(t, tc.pattern)
		for name := range strings.SplitSeq(tc.yes, " ") {
			assert.True(t, f.matches("/app/"+name, false), "%q is to match %q", tc.pattern, name)
		}
		for name := range strings.SplitSeq(tc.no, " ") {
			if name != "" {
				assert.False(t, f.matches("/app/"+name, false), "%q is not to match %q", tc.pattern, name)
			}
		}
	}
}

func TestTheDefaultIgnoresHiddenNamesAndModules(t *testing.T) {
	f := filterOf(t)
	for _, name := range strings.Fields(".env .git/HEAD a/.b/c node_modules/m a/node_modules my_node_modules_x a.js~ .a.swp x.subl1.tmp") {
		assert.True(t, f.ignores("/app/"+name, "/app", false), name)
	}
	for _, name := range strings.Fields("a.js a..b a./b modules a.swp a~b a.tmp") {
		assert.False(t, f.ignores("/app/"+name, "/app", false), name)
	}
	assert.False(t, f.ignores("/.x/node_modules/a", "/.x/node_modules", false), "only what is below the root counts")
	assert.False(t, f.ignores("/.env", "/.env", false), "a root is asked for")
	assert.True(t, f.ignores("/.x", "/", false))
	assert.False(t, f.ignores("/x/y", "/", false))
}

func TestDirectoriesNamedLikePatternsAreNotPatterns(t *testing.T) {
	for _, dir := range []string{"/a[b]", "/a*", "/", "/a.b+c"} {
		f, err := newFilter(&Options{Dir: dir, Ignore: []string{"*.log", "tmp", "**/x"}})
		require.NoError(t, err)
		for _, name := range []string{"a.log", "tmp", "x", "y/z/x"} {
			assert.True(t, f.matches(path.Join(dir, name), false), path.Join(dir, name))
		}
		assert.False(t, f.matches("/ab/a.log", false))
	}
	// More ".." than directories end at the top.
	f, err := newFilter(&Options{Dir: "/a", Ignore: []string{"../../../x*"}})
	require.NoError(t, err)
	assert.True(t, f.matches("/xy", false))
	assert.False(t, f.matches("/a/xy", false))
}

func TestBaseOfAGlob(t *testing.T) {
	for pattern, want := range map[string]string{
		"src/**/*.js": "src/", "*.js": "", "/a/b/{c,d}": "/a/b/", "a/b[c]/d": "a/", "/*": "/", "plain/name": "plain/name",
	} {
		assert.Equal(t, want, base(pattern), pattern)
	}
}

func FuzzGlob(f *testing.F) {
	for _, seed := range [][2]string{
		{"src/**/*.js", "src/a.js"}, {"{a,{b,c}d}[!x]?", "bdyz"}, {"+(a|@(b|*))", "ab"}, {"../[[:alpha:]-]\\*", "x*"}, {"[z-a]", "[z-a]"}, {"\xff*", "\xffa"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		literal, re := glob("/app", pattern)
		if isRooted(pattern) {
			require.Equal(t, path.Clean(pattern), literal)
		} else {
			require.Equal(t, path.Join("/app", pattern), literal)
		}
		if re == nil {
			return
		}
		re.MatchString(name) // linear, and does not panic
		// Without special characters but one star, there is another way to tell.
		if before, after, ok := strings.Cut(pattern, "*"); ok && !strings.ContainsAny(before+after, special+"/.@+") && before+after != "" {
			one := !strings.Contains(name, "/") && strings.HasPrefix(name, before) && strings.HasSuffix(name, after) && len(name) >= len(before+after)
			require.Equal(t, one, re.MatchString("/app/"+name), "%q %q", pattern, name)
		}
	})
}

func FuzzExpression(f *testing.F) {
	for _, seed := range []string{`\.log$`, `/^a\/b/i`, `[\/\\]\.`, `(?=x)`, "src/**"} {
		f.Add(seed, "/app/a.log")
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		fl, err := newFilter(&Options{Dir: "/app", Ignore: []string{pattern}})
		if err != nil {
			require.ErrorContains(t, err, "watch: ignore ")
			return
		}
		fl.ignores("/app/"+name, "/app", true)
		require.True(t, len(fl.searched) == 1 || fl.matches(path.Join("/app", pattern), false) || isRooted(pattern) && fl.matches(path.Clean(pattern), false),
			"a pattern means the path that is written like it: %q", pattern)
	})
}
