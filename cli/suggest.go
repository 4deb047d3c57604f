package cli

import (
	"fmt"
	"slices"
	"strings"

	"weaver/app"
	"weaver/config"
)

// nearest returns the candidate that word was most likely meant to be, or "" if none is near.
func nearest(word string, candidates []string) string {
	for _, c := range candidates {
		if strings.EqualFold(word, c) && word != c {
			return c
		}
	}
	if near := config.Nearest(word, candidates); near != "" && near != word {
		return near
	}
	for _, c := range candidates {
		if len(word) > 2 && len(c) > len(word) && strings.EqualFold(c[:len(word)], word) {
			return c
		}
	}
	return ""
}

// unknownFlag words the error for a flag that c does not know, with the nearest that it does, or whose it is.
func unknownFlag(table []command, c *command, word string) error {
	e := &usageError{message: fmt.Sprintf("unknown option `%s'", cutValue(word))}
	name, _, _ := flagToken(word)
	for i := range table {
		for j := range table[i].flags {
			if table[i].flags[j].is(name) && !table[i].hidden {
				e.hint = fmt.Sprintf("%s is a flag of %s", cutValue(word), table[i].name)
				return e
			}
		}
	}
	if !strings.HasPrefix(word, "--") {
		return e
	}
	var names []string
	for _, set := range [][]flag{c.flags, commonFlags, specFlags} {
		for i := range set {
			names = append(names, set[i].name)
			for alias := range strings.FieldsSeq(set[i].alias) {
				if len(alias) > 1 {
					names = append(names, alias)
				}
			}
		}
	}
	if near := nearest(name, names); near != "" {
		e.hint = "did you mean --" + near + "?"
	}
	return e
}

func cutValue(word string) string {
	word, _, _ = strings.Cut(word, "=")
	return word
}

// didYouMean is the hint for a name that means nothing.
func didYouMean(list []app.Process, name string) string {
	var names []string
	for i := range list {
		if !slices.Contains(names, list[i].Name) {
			names = append(names, list[i].Name)
		}
	}
	if near := nearest(name, names); near != "" {
		return "did you mean " + near + "?"
	}
	return ""
}
