package cli

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"weaver/app"
)

// scripts ask weaver itself what could come next, so that they never go stale and know the names of what runs.
var scripts = map[string]string{
	"bash": `_NAME() {
	local IFS=$'\n'
	COMPREPLY=($(NAME complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
	[ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o filenames -F _NAME NAME
`,
	"zsh": `#compdef NAME
_NAME() {
	local -a found
	found=("${(@f)$(NAME complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
	if [[ -n "$found" ]]; then compadd -- $found; else _files; fi
}
compdef _NAME NAME
`,
	"fish": `complete -c NAME -f -a '(NAME complete -- (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null; or __fish_complete_path (commandline -ct))'
`,
}

func runCompletion(c *call) error {
	shell := "bash"
	if len(c.args) > 0 {
		shell = c.args[0]
	} else if own := filepath.Base(c.env.Getenv("SHELL")); scripts[own] != "" {
		shell = own
	}
	script, ok := scripts[shell]
	if !ok {
		return &usageError{fmt.Sprintf("no completion for %q", shell), program(c.env) + " completion bash|zsh|fish"}
	}
	c.out.data(strings.ReplaceAll(script, "NAME", program(c.env)))
	return nil
}

// runComplete prints what the last of its words could become, one a line; exit 1 leaves it to the names of files.
func runComplete(c *call) error {
	if len(c.args) == 0 {
		return errReported
	}
	done, last := c.args[:len(c.args)-1], c.args[len(c.args)-1]
	found := c.candidates(commands(), done, last)
	for _, f := range found {
		c.out.data(f + "\n")
	}
	if len(found) == 0 {
		return errReported
	}
	return nil
}

func (c *call) candidates(table []command, done []string, last string) []string {
	var all []string
	at := commandIndex(table, done)
	if at >= 0 && done[at] == serviceWord {
		return c.serviceCandidates(table, done[at+1:], last)
	}
	switch {
	case slices.Contains(done, "--"):
		return nil
	case at < 0 && !strings.HasPrefix(last, "-"):
		for i := range table {
			if !table[i].hidden && table[i].run != nil {
				all = append(append(all, table[i].name), strings.Fields(table[i].alias)...)
			}
		}
	case strings.HasPrefix(last, "-"):
		cmd := &command{spec: true}
		if at >= 0 {
			if cmd = find(table, done[at]); cmd == nil {
				return nil
			}
		}
		all = flagSpellings(cmd)
	default:
		if cmd := find(table, done[at]); cmd != nil {
			all = c.arguments(table, cmd)
		}
	}
	return beginning(all, last)
}

// beginning are the words that begin with last, sorted.
func beginning(all []string, last string) []string {
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(s string) bool { return !strings.HasPrefix(s, last) })
}

// serviceCandidates are what can follow "service": its commands, their flags, the names of services.
func (c *call) serviceCandidates(table []command, done []string, last string) []string {
	at := commandIndex(table, done)
	if at < 0 {
		var all []string
		for i := range table {
			if table[i].service != nil {
				all = append(all, table[i].name)
			}
		}
		return beginning(all, last)
	}
	form := findService(table, done[at])
	switch {
	case form == nil, slices.Contains(done, "--"):
		return nil
	case strings.HasPrefix(last, "-"):
		return beginning(flagSpellings(form), last)
	}
	return beginning(slices.DeleteFunc(c.arguments(table, form), func(s string) bool { return s == string(app.All) }), last)
}

func flagSpellings(cmd *command) []string {
	var out []string
	sets := [][]flag{cmd.flags, commonFlags}
	if cmd.spec {
		sets = append(sets, specFlags)
	}
	for _, set := range sets {
		for i := range set {
			out = append(out, long(&set[i]))
		}
	}
	return out
}

// arguments are the words that a command could take: the choices it has, else the names of what there is.
func (c *call) arguments(table []command, cmd *command) []string {
	switch {
	case cmd.name == "help":
		var out []string
		for i := range table {
			if !table[i].hidden && table[i].run != nil {
				out = append(out, table[i].name)
			}
		}
		return out
	case strings.Contains(cmd.args, "|") && !strings.Contains(cmd.args, "NAME"):
		return strings.Split(cmd.args, "|")
	case !strings.Contains(cmd.args, "NAME"):
		return nil
	}
	list, err := c.processes(false, nil)
	if err != nil {
		return nil
	}
	out := []string{string(app.All)}
	for i := range list {
		out = append(out, list[i].Name)
	}
	return out
}
