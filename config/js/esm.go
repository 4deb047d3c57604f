package js

import (
	"regexp"
	"strings"
	"sync"
)

// An ES module as people write it in a config: imports at the top, then named exports or a default. Each form begins
// its line, and is rewritten within it, so that places in errors stay right.
var (
	esmSign = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?m)^[ \t]*(import\b[^(.]|export\b)`)
	})
	esmRules = sync.OnceValue(func() []esmRule {
		rule := func(pattern, with string) esmRule { return esmRule{regexp.MustCompile(pattern), with} }
		return []esmRule{
			rule(`(?m)^[ \t]*export[ \t]+default\b`, `module.exports.default =`),
			rule(`(?m)^[ \t]*export[ \t]+(?:const|let|var)[ \t]+([\w$]+)`, `const $1 = module.exports.$1`),
			rule(`(?m)^[ \t]*export[ \t]+((?:async[ \t]+)?function\*?|class)[ \t]+([\w$]+)`, `module.exports.$2 = $2; $1 $2`),
			rule(`(?m)^[ \t]*export[ \t]*\{([^}]*)\}[ \t]*;?`, `Object.assign(module.exports, {$1});`),
			rule(`(?m)^[ \t]*import[ \t]+\*[ \t]+as[ \t]+([\w$]+)[ \t]+from[ \t]*(['"][^'"]+['"])`, `const $1 = require($2)`),
			rule(`(?m)^[ \t]*import[ \t]+([\w$]+)[ \t]*,[ \t]*(\{[^}]*\})[ \t]*from[ \t]*(['"][^'"]+['"])`,
				`const $1 = esmDefault(require($3)), $2 = require($3)`),
			rule(`(?m)^[ \t]*import[ \t]*(\{[^}]*\})[ \t]*from[ \t]*(['"][^'"]+['"])`, `const $1 = require($2)`),
			rule(`(?m)^[ \t]*import[ \t]+([\w$]+)[ \t]+from[ \t]*(['"][^'"]+['"])`, `const $1 = esmDefault(require($2))`),
			rule(`(?m)^[ \t]*import[ \t]*(['"][^'"]+['"])`, `require($1)`),
		}
	})
	esmAs = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`([\w$]+)[ \t]+as[ \t]+([\w$]+)`) })
)

type esmRule struct {
	form *regexp.Regexp
	with string
}

// esmPrelude stands on the first line, in front of the source, so that no line number moves.
const esmPrelude = `const esmDefault = m => m && m.default !== undefined ? m.default : m; ` +
	`const __esm = {url: "file://" + __filename, dirname: __dirname, filename: __filename}; `

// fromESM turns an ES module into what require can load; other sources are returned as they are.
func fromESM(source []byte) []byte {
	text := string(source)
	if !esmSign().MatchString(text) {
		return source
	}
	for _, r := range esmRules() {
		text = r.form.ReplaceAllStringFunc(text, func(found string) string {
			out := r.form.ReplaceAllString(found, r.with)
			if strings.Contains(found, " as ") && strings.Contains(found, "{") {
				if strings.Contains(found, "export") {
					return esmAs().ReplaceAllString(out, "$2: $1")
				}
				return esmAs().ReplaceAllString(out, "$1: $2")
			}
			return out
		})
	}
	return []byte(esmPrelude + strings.ReplaceAll(text, "import.meta", "__esm"))
}
