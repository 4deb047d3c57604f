package config

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weaver/app"
	"weaver/config/home"
)

func benchmarkLoad(b *testing.B, name, text, node string) {
	dir := b.TempDir()
	for file, data := range map[string]string{name: text, "server.js": "1"} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(data), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	c := Context{Engine: engine(b), Cwd: dir, Env: app.ParseEnviron(os.Environ()), Home: home.Home{Dir: dir}, Node: func() string { return node }, CPUs: func() int { return 2 }}
	for b.Loop() {
		l, err := Load(context.Background(), c, name, Flags{})
		if err != nil || len(l.Apps)+len(l.Failed) == 0 {
			b.Fatal(err)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	node, _ := (Context{Env: app.ParseEnviron(os.Environ())}).look("node", "/")
	one := `{apps: [{name: 'a', script: 'server.js', interpreter: 'sh', env: {A: 1}}]}`
	many := "apps:\n"
	for i := range 1000 {
		many += fmt.Sprintf("- name: a%d\n  script: server.js\n  interpreter: sh\n  env: {A: %d}\n", i, i)
	}
	b.Run("json", func(b *testing.B) { benchmarkLoad(b, "x.json", one, "") })
	b.Run("yaml", func(b *testing.B) {
		benchmarkLoad(b, "x.yaml", "apps:\n- name: a\n  script: server.js\n  interpreter: sh\n", "")
	})
	b.Run("yaml with 1000 apps", func(b *testing.B) { benchmarkLoad(b, "x.yaml", many, "") })
	b.Run("js by weaver-js", func(b *testing.B) { benchmarkLoad(b, "x.config.js", "module.exports = "+one, "") })
	if node != "" {
		b.Run("js by node", func(b *testing.B) { benchmarkLoad(b, "x.config.js", "module.exports = "+one, node) })
	}
}

func BenchmarkNearest(b *testing.B) {
	for b.Loop() {
		Nearest(strings.Repeat("max_restatrs", 1), knownKeys())
	}
}
