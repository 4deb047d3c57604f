package app

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Selector is what a person writes to mean some processes: a name, an id, a namespace, "all", or /regex/.
type Selector string

// All selects every process but modules.
const All Selector = "all"

// Match returns the positions in list that the selector means, in list's order, following PM2's order of meaning:
// "all"; /regex/ over names; a number is first a name, then a namespace, then an id; other text is a name, or the path
// of a script (relative to cwd), then a namespace. No match is an empty result; an unreadable regex is an error.
func (s Selector) Match(list []Process, cwd string) ([]int, error) {
	return s.MatchEach(len(list), func(i int) *Process { return &list[i] }, cwd)
}

// MatchEach is Match of a list of n whose processes are where at says: a Process is large, and most of a list is only looked
// at.
func (s Selector) MatchEach(n int, at func(i int) *Process, cwd string) ([]int, error) {
	pick := func(want func(*Process) bool) (out []int) {
		for i := range n {
			if want(at(i)) {
				out = append(out, i)
			}
		}
		return out
	}
	text := string(s)
	if s == All {
		return pick(func(p *Process) bool { return p.Spec == nil || !p.Spec.Module }), nil
	}
	if len(text) > 1 && text[0] == '/' && text[len(text)-1] == '/' {
		re, err := regexp.Compile(text[1 : len(text)-1])
		if err != nil {
			return nil, fmt.Errorf("selector %s: %w", text, err)
		}
		return pick(func(p *Process) bool { return re.MatchString(p.Name) }), nil
	}
	script := ""
	_, numErr := strconv.Atoi(text)
	if numErr != nil && cwd != "" && text != "" {
		script = text
		if !filepath.IsAbs(script) {
			script = filepath.Join(cwd, script)
		}
	}
	if m := pick(func(p *Process) bool {
		return p.Name == text || (script != "" && p.Spec != nil && p.Spec.Script == script)
	}); len(m) > 0 {
		return m, nil
	}
	if m := pick(func(p *Process) bool { return p.Namespace == text }); len(m) > 0 {
		return m, nil
	}
	if id, err := strconv.Atoi(text); err == nil {
		return pick(func(p *Process) bool { return p.ID == ID(id) }), nil
	}
	return nil, nil
}

// Numeric reports that the selector is written as an id.
func (s Selector) Numeric() bool {
	_, err := strconv.Atoi(string(s))
	return err == nil
}

// Many reports that the selector may mean nothing without being a mistake in a name: "all" or a regex.
func (s Selector) Many() bool {
	return s == All || (len(s) > 1 && strings.HasPrefix(string(s), "/") && strings.HasSuffix(string(s), "/"))
}
