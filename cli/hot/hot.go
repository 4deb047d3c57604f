// Package hot answers the commands that people type most, without the weight of the full front end.
//
// It speaks to the daemon's hot door (api/hot.go) over a raw socket: words go in, rendered bytes come out. Whatever it
// does not know, and whatever is unusual before the daemon was asked to change something, is not handled: the caller
// then runs the full front end with the same arguments, which words all errors and starts the daemon if there is none.
package hot

import (
	"slices"
	"strings"
	"time"

	"weaver/config/home"
)

// form is one command in the form in which it is hot. The table (table_gen.go) is generated from the one command table in
// package cli.
type form struct {
	words    []string // its name and aliases; a name of two words has a blank in it
	verb     string   // as the hot door knows it
	mutates  bool     // it changes something: lock the apps, then POST
	min, max int      // number of arguments; max < 0 is any number
	flags    []flag   // every flag that keeps the form hot; none takes a value
}

// flag is one spelling of a flag.
type flag struct {
	spelling string // with its dashes
	// name is what the door is told, but for the three that are acted on here: no-color, no-lock, no-cache.
	name string
}

// lentForm is a command that the daemon runs for us in any form: see borrow.
type lentForm struct {
	words   []string
	mutates bool
	with    string // only with this word
}

// OpEnv tells the full front end which operation was asked for already, when the daemon died before it answered.
const OpEnv = "WEAVER_OPERATION"

// Try runs argv if it is hot, and says with which code to exit. If it is not handled, nothing was printed, and rest is the
// environment for the full front end: what was asked for in vain it can ask for again. env has the form of os.Environ;
// version is what --version prints.
func Try(version string, argv, env []string) (code int, handled bool, rest []string) {
	t := try{version: version, argv: argv, env: env, stdout: 1, stderr: 2, patience: patience}
	code, handled = t.run()
	if t.asked && !handled {
		env = append(env[:len(env):len(env)], OpEnv+"="+t.op)
	}
	return code, handled, env
}

// Skew is what is said where the supervisor is of another version than the front end, whose name is program.
func Skew(supervisor, front, program string) string {
	return "weaver: the supervisor is weaver " + supervisor + " and this is " + front + ": `" + program + " update` brings them together"
}

// patience is how long the daemon may take to accept, and to answer what changes nothing. After it the full front end
// has its turn, and says what is wrong.
const patience = 5 * time.Second

// try is one command line.
type try struct {
	version        string
	argv, env      []string
	stdout, stderr int // descriptors
	patience       time.Duration
	home           home.Home
	persona        home.Persona
	op             string // what the daemon tells a repeat from a second wish by
	asked          bool   // it was asked to change something, and died
	declined       bool   // it answered that the form is not hot
}

// request is what a command line asks for.
type request struct {
	form            *form
	args            []string
	flags           []string // for the door
	noColor, noLock bool
}

// bypass are the variables that change what a command does or says in ways that only the full front end knows.
var bypass = [...]string{"WEAVER_NO_HOT", "PM2_SILENT", "PM2_DEBUG", "PM2_PROGRAMMATIC", "PM2_CONCURRENT_ACTIONS"}

func (t *try) run() (code int, handled bool) {
	if len(t.argv) < 2 {
		return 0, false
	}
	for _, name := range bypass {
		if t.getenv(name) != "" {
			return 0, false
		}
	}
	if home.CommandOf(t.argv[0]) != "" { // pm2-runtime and its like have words of their own
		return 0, false
	}
	t.persona = home.PersonaOf(t.argv[0])
	if len(t.argv) == 2 {
		if text, ok := t.fixed(t.argv[1]); ok {
			t.print(t.stdout, []byte(text))
			return 0, true
		}
	}
	r, ok := parse(t.argv[1:])
	if !ok {
		r.form = nil
	}
	if r.form == nil && findLent(t.argv[1:]) == nil {
		return 0, false
	}
	h, err := home.Find(t.persona, t.getenv)
	if err != nil {
		return 0, false
	}
	t.home = h
	switch {
	case r.form == nil:
	case r.form.mutates:
		code, handled = t.act(r)
	default:
		code, handled = t.read(r)
	}
	if handled || t.asked || r.form != nil && !t.declined { // a daemon that says nothing has had its time
		return code, handled
	}
	return t.borrow()
}

// fixed is the text for words that need no daemon.
func (t *try) fixed(word string) (string, bool) {
	switch word {
	case "-v", "-V", "--version":
		if t.persona == home.PM2 {
			return home.PM2Version + "\n", true
		}
		return t.version + "\n", true
	case "-h", "--help", "help":
		return help, t.persona == home.Weaver // it has weaver's name in it
	}
	return "", false
}

// maxArgs bounds the bytes of all arguments: longer ones are no names.
const maxArgs = 16 << 10

// parse finds the form of a command line. It knows less than the full grammar on purpose, and never reads a line
// otherwise than that: each word must be a name, or a flag in the form's table.
func parse(words []string) (request, bool) {
	var r request
	var flags []string
	size := 0
	for _, w := range words {
		size += len(w)
		switch {
		case w == "" || w == "-" || w == "--" || size > maxArgs:
			return r, false
		case w[0] == '-':
			flags = append(flags, w)
		default:
			r.args = append(r.args, w)
		}
	}
	if r.form, r.args = find(r.args); r.form == nil {
		return r, false
	}
	if n := len(r.args); n < r.form.min || r.form.max >= 0 && n > r.form.max {
		return r, false
	}
	for _, a := range r.args {
		// PM2 reads `start x.js` as a file even if an app has that name.
		if !plain(a) || r.form.verb == "start" && strings.Contains(a, ".") {
			return r, false
		}
	}
	for _, f := range flags {
		if !r.flag(f) {
			return r, false
		}
	}
	return r, true
}

// find takes the name of a command off the front of args.
func find(args []string) (*form, []string) {
	i, n := named(args, len(forms), func(i int) []string { return forms[i].words })
	if i < 0 {
		return nil, args
	}
	return &forms[i], args[n:]
}

// named returns which of count forms args begin with, -1 if none, and how many words its name has.
func named(args []string, count int, words func(form int) []string) (form, n int) {
	for n = min(2, len(args)); n > 0; n-- {
		name := strings.Join(args[:n], " ")
		for form = range count {
			if slices.Contains(words(form), name) {
				return form, n
			}
		}
	}
	return -1, 0
}

// flag notes a flag, if it keeps the form.
func (r *request) flag(word string) bool {
	for _, f := range r.form.flags {
		if f.spelling != word {
			continue
		}
		switch f.name {
		case "no-color":
			r.noColor = true
		case "no-lock":
			r.noLock = true
		case "no-cache": // what the daemon says is fresh anyway
		default:
			r.flags = append(r.flags, f.name)
		}
		return true
	}
	return false
}

// lent reports that a command line is one that the daemon may run, and whether that changes something. files are the words
// that name config files which are data. The daemon has the last word; what it would refuse anyway is not asked.
func lent(words []string) (mutates bool, files []string, ok bool) {
	l := findLent(words)
	if l == nil || l.with != "" && !slices.Contains(words, l.with) {
		return false, nil, false
	}
	for _, w := range words {
		switch {
		case w == "--":
			return l.mutates, files, true
		case data(w):
			files = append(files, w)
		case w == "-", !readable(w):
			return false, nil, false
		}
	}
	return l.mutates, files, true
}

// data reports that a word is the name of a config file in which there is nothing to run.
func data(word string) bool {
	if word[:min(1, len(word))] == "-" || strings.ContainsAny(word, " \t\n=") {
		return false
	}
	for _, ending := range [...]string{".json", ".yml", ".yaml", ".toml"} {
		if strings.HasSuffix(word, ending) {
			return true
		}
	}
	return false
}

// readable reports that a word is nothing that must be read in the caller's own process: a config file or TypeScript.
func readable(word string) bool {
	for _, part := range [...]string{".json", ".yml", ".yaml", ".toml", ".config.", ".ts", ".mts", ".cts"} {
		if strings.Contains(word, part) {
			return false
		}
	}
	return true
}

func findLent(words []string) *lentForm {
	i, _ := named(words, len(lentForms), func(i int) []string { return lentForms[i].words })
	if i < 0 {
		return nil
	}
	return &lentForms[i]
}

// plain reports that arg can only be a name, a namespace, an id or "all": no path and no config file, which only mean
// something in the caller's directory, no regular expression, and nothing that could break a line.
func plain(arg string) bool {
	for i := range len(arg) {
		if c := arg[i]; c < ' ' || c == 0x7f || c == '/' || c == '\\' {
			return false
		}
	}
	for _, part := range [...]string{".json", ".yml", ".yaml", ".toml", ".config."} {
		if strings.Contains(arg, part) {
			return false
		}
	}
	return true
}

// getenv returns the last value of a variable, like the full front end.
func (t *try) getenv(name string) string {
	for i := len(t.env) - 1; i >= 0; i-- {
		if e := t.env[i]; len(e) > len(name) && e[len(name)] == '=' && e[:len(name)] == name {
			return e[len(name)+1:]
		}
	}
	return ""
}
