package watch

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// each runs a test twice: with the kernel's notices, and looking.
func each(t *testing.T, test func(t *testing.T, o Options)) {
	t.Run("kernel", func(t *testing.T) { test(t, Options{}) })
	t.Run("poll", func(t *testing.T) { test(t, Options{Poll: true}) })
}

func TestEveryKindOfChangeIsNoticed(t *testing.T) {
	each(t, func(t *testing.T, o Options) {
		p := unwatched(t)
		p.write("old.txt", "1")
		p.write("sub/deep/old.txt", "1")
		p.watch(o)

		p.write("new.txt", "1")
		p.expect("new.txt")
		p.write("old.txt", "22")
		p.expect("old.txt")
		p.write("sub/deep/old.txt", "22")
		p.expect("sub/deep/old.txt")
		require.NoError(t, os.Chtimes(p.path("old.txt"), time.Time{}, time.Unix(1e9, 0)))
		p.expect("old.txt")
		p.rename("old.txt", "sub/moved.txt")
		p.expect("sub/moved.txt")
		p.remove("sub/deep/old.txt")
		p.expect("sub/deep/old.txt")
		p.mkdir("empty")
		p.expect("empty")
		p.remove("empty")
		p.expect("empty")
		p.remove("sub")
		p.expect("sub", "sub/moved.txt", "sub/deep")
		p.nothing()
	})
}

func TestReadingIsNoChange(t *testing.T) {
	each(t, func(t *testing.T, o Options) {
		p := unwatched(t)
		p.write("a.txt", "1")
		p.watch(o)
		_, err := os.ReadFile(p.path("a.txt"))
		require.NoError(t, err)
		_, err = os.ReadDir(p.dir)
		require.NoError(t, err)
		p.nothing()
	})
}

// Editors write another file and rename it over the old one, and keep their own beside it.
func TestAnEditorsSaveIsOneChangeOfTheFile(t *testing.T) {
	each(t, func(t *testing.T, o Options) {
		p := unwatched(t)
		p.write("src/a.js", "1")
		p.watch(o)
		for i := range 3 {
			p.write("src/.a.js.swp", "swap")
			p.write("src/a.js~", "backup")
			p.write("src/a.js.tmp.4711", fmt.Sprint("version ", i))
			p.rename("src/a.js.tmp.4711", "src/a.js")
			p.remove("src/.a.js.swp")
			p.expect("src/a.js")
			p.nothing()
		}
	})
}

func TestHiddenFilesAndModulesAreIgnoredLikeInPM2(t *testing.T) {
	each(t, func(t *testing.T, o Options) {
		p := unwatched(t)
		p.mkdir("src")
		p.watch(o)
		p.write(".env", "1")
		p.write("src/.cache/x", "1")
		p.write("node_modules/m/index.js", "1")
		p.write("src/node_modules/m/index.js", "1")
		p.write("my_node_modules_x", "1")
		p.nothing()
		p.write("a..b", "1")
		p.expect("a..b")
	})
}

// The directory that an app is in may have any name.
func TestOnlyNamesBelowTheRootAreHidden(t *testing.T) {
	p := unwatched(t)
	p.write(".config/node_modules/app/a.js", "1")
	p.watch(Options{Dir: p.path(".config/node_modules/app")})
	p.write(".config/node_modules/app/a.js", "2")
	p.expect("a.js")
}

func TestGivenPatternsReplaceTheDefault(t *testing.T) {
	each(t, func(t *testing.T, o Options) {
		p := unwatched(t)
		p.mkdir("logs")
		o.Ignore = []string{"logs", "*.tmp", `\.bak$`}
		o.Own = []string{p.path("own"), p.path("out*.log")}
		p.watch(o)
		p.write("logs/deep/x", "1")
		p.write("a.tmp", "1")
		p.write("src.bak", "1")
		p.write("own/pid", "1")
		p.write("out-1.log", "1")
		p.nothing()
		p.write(".env", "1")
		p.expect(".env")
		p.mkdir("node_modules")
		p.expect("node_modules")
		p.write("node_modules/x.js", "1")
		p.expect("node_modules/x.js")
	})
}

func TestWhatIsOwnIsIgnoredWithTheDefaultToo(t *testing.T) {
	p := unwatched(t)
	p.watch(Options{Own: []string{"out.log"}})
	p.write("out.log", "1")
	p.write(".hidden", "1")
	p.nothing()
}

func TestNewDirectoriesAreWatched(t *testing.T) {
	each(t, func(t *testing.T, o Options) {
		p := unwatched(t)
		p.watch(o)
		p.write("a/b/c/d/e.txt", "1")
		p.expect("a")
		p.write("a/b/c/d/e.txt", "22")
		p.expect("a/b/c/d/e.txt")
		p.rename("a/b", "x")
		p.expect("x")
		p.write("x/c/d/e.txt", "333")
		p.expect("x/c/d/e.txt")
		p.write("a/b/c/d/f.txt", "1")
		p.expect("a/b", "a/b/c")
		p.nothing()
	})
}

// A file that is in a new directory before that is watched must not be missed, even if the directory does not matter.
func TestFilesInNewDirectoriesAreFound(t *testing.T) {
	each(t, func(t *testing.T, o Options) {
		p := unwatched(t)
		p.write("src/a.js", "1")
		o.Roots = []string{"src/**/*.js"}
		p.watch(o)
		for i := range 30 {
			name := fmt.Sprintf("src/dir%d/deep/%d.js", i, i)
			p.run()
			p.write(name, "1")
			p.expect(name)
		}
		p.write("src/b.css", "1")
		p.mkdir("src/more")
		p.write("b.js", "1")
		p.nothing()
		p.write("src/a.js", "22")
		p.expect("src/a.js")
	})
}

func TestManyChangesAreOneCall(t *testing.T) {
	each(t, func(t *testing.T, o Options) {
		p := unwatched(t)
		p.watch(o)
		for i := range 500 {
			p.write(fmt.Sprintf("many/%03d/file", i), "1")
		}
		p.expect("many")
		p.nothing()
	})
}

func TestRootsAreRelativeOrAbsoluteFilesOrDirectories(t *testing.T) {
	each(t, func(t *testing.T, o Options) {
		p := unwatched(t)
		other := unwatched(t)
		other.write("lib/x.js", "1")
		for _, name := range []string{"server.js", "other.js", "src/a.js", "src/skip/b.js", "config/.env", "page[1].js"} {
			p.write(name, "1")
		}
		o.Roots = []string{"server.js", "./src/", other.path("lib"), "config/.env", "!src/skip", "page[1].js"}
		p.watch(o)
		p.write("other.js", "22")
		p.write("config/other", "22")
		p.write("src/skip/b.js", "22")
		p.write("page1.js", "1")
		p.nothing()
		for _, name := range []string{"server.js", "src/a.js", "config/.env", "page[1].js"} {
			p.write(name, "22")
			p.expect(name)
		}
		other.write("lib/x.js", "22")
		p.expect(filepath.ToSlash(other.path("lib/x.js")))
	})
}

func TestRootsMayComeAndGo(t *testing.T) {
	each(t, func(t *testing.T, o Options) {
		p := unwatched(t)
		o.Roots = []string{"a/b/src", "a/b/one.js"}
		p.watch(o)
		for range 3 {
			p.write("a/b/src/x/y.js", "1")
			p.expect("a/b/src")
			p.write("a/b/src/x/y.js", "22")
			p.expect("a/b/src/x/y.js")
			p.write("a/b/one.js", "1")
			p.expect("a/b/one.js")
			p.write("a/b/two.js", "1")
			p.nothing()
			p.remove("a")
			p.expect("a/b/src", "a/b/src/x", "a/b/src/x/y.js", "a/b/one.js")
			p.nothing()
		}
		p.write("a/b", "a file in the way")
		p.remove("a/b")
		p.write("a/b/one.js", "1")
		p.expect("a/b/one.js")
		p.rename("a", "z")
		p.expect("a/b/one.js")
		p.rename("z", "a")
		p.expect("a/b/one.js")
		p.write("a/b/one.js", "22")
		p.expect("a/b/one.js")
	})
}

func TestTheWholeDirectoryMayBeReplaced(t *testing.T) {
	each(t, func(t *testing.T, o Options) {
		p := unwatched(t)
		p.write("app/lib/a.js", "1")
		p.write("next/lib/a.js", "22")
		o.Roots = []string{"app"}
		p.watch(o)
		p.rename("app", "old")
		p.rename("next", "app")
		p.expect("app", "app/lib/a.js")
		p.write("old/lib/a.js", "333")
		p.nothing()
		p.write("app/lib/a.js", "333")
		p.expect("app/lib/a.js")
	})
}

func TestALinkThatIsWatchedMayLeadElsewhere(t *testing.T) {
	each(t, func(t *testing.T, o Options) {
		p := unwatched(t)
		p.write("releases/1/a.js", "1")
		p.write("releases/2/a.js", "22")
		p.link("releases/1", "current")
		o.Roots = []string{"current"}
		p.watch(o)
		p.write("releases/1/a.js", "11")
		p.expect("current/a.js")
		p.link("releases/2", "current.new")
		p.rename("current.new", "current")
		p.expect("current", "current/a.js")
		p.write("releases/1/a.js", "111")
		p.nothing()
		p.write("releases/2/a.js", "222")
		p.expect("current/a.js")
	})
}

func TestLinksAreFollowedIfWished(t *testing.T) {
	each(t, func(t *testing.T, o Options) {
		for _, follow := range []bool{false, true} {
			t.Run(fmt.Sprint(follow), func(t *testing.T) {
				p, other := unwatched(t), unwatched(t)
				other.write("lib/x.js", "1")
				other.write("shared/config.json", "1")
				p.mkdir("src")
				p.link(other.path("lib"), "src/lib")
				p.link(other.path("shared/config.json"), "config.json")
				p.link("..", "src/loop")
				o.FollowSymlinks = follow
				p.watch(o)

				other.write("lib/x.js", "22")
				if follow {
					p.expect("src/lib/x.js")
				}
				other.write("shared/config.json", "22")
				if follow {
					p.expect("config.json")
				}
				other.write("shared/config.json.tmp", "333")
				other.rename("shared/config.json.tmp", "shared/config.json")
				if follow {
					p.expect("config.json")
				}
				other.write("shared/config.json", "4444")
				if follow {
					p.expect("config.json")
				}
				p.nothing()
				p.link(other.path("lib"), "src/new")
				p.expect("src/new")
				p.remove("src/lib")
				p.expect("src/lib", "src/lib/x.js", "src/new/x.js")
				other.write("lib/x.js", "333") // only src/new leads there now
				if follow {
					p.expect("src/new/x.js")
				}
				p.nothing()
			})
		}
	})
}

func TestHashSuppressesTouches(t *testing.T) {
	each(t, func(t *testing.T, o Options) {
		p := unwatched(t)
		p.write("a.js", "1")
		p.write("b.js", "1")
		o.Hash = true
		p.watch(o)
		p.write("a.js", "1")
		require.NoError(t, os.Chtimes(p.path("b.js"), time.Time{}, time.Unix(1e9, 0)))
		p.write("b.js.tmp", "1")
		p.rename("b.js.tmp", "b.js")
		p.nothing()
		p.write("a.js", "2")
		p.expect("a.js")
		p.write("a.js", "2")
		p.nothing()
		p.write("new/c.js", "1")
		p.expect("new")
		p.write("new/c.js", "1")
		p.nothing()
		p.remove("b.js")
		p.expect("b.js")
		p.remove("new")
		p.expect("new", "new/c.js")
		p.write("b.js", "1")
		p.expect("b.js")
	})
}

func TestWrongOptionsAreRefused(t *testing.T) {
	for want, o := range map[string]Options{
		`watch: directory "src" is not absolute`:              {Dir: "src"},
		`watch: directory "" is not absolute`:                 {},
		`watch: a delay is negative`:                          {Dir: t.TempDir(), Delay: -1},
		"watch: ignore \"(?=x)\": error parsing regexp":       {Dir: t.TempDir(), Ignore: []string{"(?=x)"}},
		"watch: ignore \"^[z-a]$\": error parsing regexp":     {Dir: t.TempDir(), Own: []string{"^[z-a]$"}},
		"watch: ignore \"^(\": error parsing regexp: missing": {Dir: t.TempDir(), Roots: []string{"!^("}},
	} {
		assert.ErrorContains(t, Run(t.Context(), o, nil), want)
	}
}

func TestARootThatIsIgnoredIsReported(t *testing.T) {
	p := unwatched(t)
	p.mkdir("src/lib")
	p.watch(Options{Roots: []string{"src/lib"}, Ignore: []string{"src"}})
	p.write("src/lib/a.js", "1")
	p.nothing()
	assert.Equal(t, []string{p.path("src/lib") + " is both watched and ignored, so it is ignored"}, p.reports())
}

func TestRunEndsAfterFireHasReturned(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancelCause(t.Context())
	returned := false
	require.ErrorIs(t, Run(ctx, Options{Dir: dir, Ready: func() {
		assert.NoError(t, os.WriteFile(filepath.Join(dir, "a"), nil, 0o644))
	}}, func(string) {
		cancel(errOver)
		returned = true
	}), errOver)
	assert.True(t, returned)
}
