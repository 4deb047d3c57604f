package cli

import (
	"strings"

	"weaver/config/home"
)

func runHelp(c *call) error {
	table := commands()
	var cmd *command
	if len(c.args) > 0 {
		if len(c.args) > 1 && c.args[0] == serviceWord {
			cmd = findService(table, c.args[1])
		} else {
			cmd = find(table, c.args[0])
		}
		if cmd == nil {
			c.unknownCommand(table, c.args[0])
			return errReported
		}
	}
	c.out.data(helpText(c.env, table, cmd))
	return nil
}

// usageText is what a line without a command gets, PM2's with weaver's names.
func usageText(env *Env) string {
	name := program(env)
	dir := "~/.weaver"
	if home.PersonaOf(env.Argv0) == home.PM2 {
		dir = "~/.pm2"
	}
	return strings.NewReplacer("NAME", name, "DIR", dir).Replace(`usage: NAME [options] <command>

NAME start app.js          start an app
NAME list                  show what runs
NAME -h, --help            all commands
NAME <command> -h          help on a specific command

Access NAME files in DIR
`)
}

// helpText is the help on one command, or with nil on all.
func helpText(env *Env, table []command, c *command) string {
	if c == nil {
		return AllHelp(program(env), table)
	}
	if c.name == serviceWord {
		var b strings.Builder
		b.WriteString(serviceHelp(program(env), table))
		writeFlags(&b, "Flags of every command", commonFlags, nil)
		return b.String()
	}
	var b strings.Builder
	b.WriteString("Usage: " + program(env) + " " + c.name)
	if c.args != "" {
		b.WriteString(" " + c.args)
	}
	b.WriteString(" [flags]\n\n" + sentence(c.help) + "\n")
	if c.alias != "" {
		b.WriteString("Also called: " + strings.ReplaceAll(c.alias, " ", ", ") + "\n")
	}
	writeFlags(&b, "Flags", c.flags, nil)
	if c.spec {
		writeFlags(&b, "Flags of apps", specFlags, c)
	}
	writeFlags(&b, "Flags of every command", commonFlags, c)
	return b.String()
}

// AllHelp is the help on all commands.
func AllHelp(name string, table []command) string {
	var b strings.Builder
	b.WriteString("Usage: " + name + " <command> [arguments] [flags]\n")
	rows := map[string][][]string{}
	for i := range table {
		c := &table[i]
		if c.hidden || c.run == nil {
			continue
		}
		names := c.name
		if c.alias != "" {
			names += ", " + strings.ReplaceAll(c.alias, " ", ", ")
		}
		rows[c.group] = append(rows[c.group], []string{"  " + names, c.help})
	}
	for _, group := range []string{groupRun, groupLook, groupLogs, groupList, groupSet, groupOwn} {
		b.WriteString("\n" + group + ":\n" + columns(rows[group]))
	}
	b.WriteString("\nFlags may stand anywhere; what follows -- is passed to the app.\n")
	b.WriteString(name + " <command> -h shows everything about one command.\n")
	return b.String()
}

// writeFlags lists flags, without those that c has of its own.
func writeFlags(b *strings.Builder, title string, flags []flag, c *command) {
	var rows [][]string
	for i := range flags {
		f := &flags[i]
		if (c != nil && c.flag(f.name) != f) || f.help == "accepted for PM2" {
			continue
		}
		spelling := "    --"
		for alias := range strings.FieldsSeq(f.alias) {
			if len(alias) == 1 && (c == nil || c.flag(alias) == f) {
				spelling = "-" + alias + ", --"
			}
		}
		spelling += f.name
		switch f.arity {
		case one:
			spelling += " " + f.meta
		case maybe:
			spelling += " [" + f.meta + "]"
		case many:
			spelling += " " + f.meta + "…"
		case none:
		}
		for alias := range strings.FieldsSeq(f.alias) {
			if len(alias) > 1 {
				spelling += ", --" + alias
			}
		}
		rows = append(rows, []string{"  " + spelling, f.help})
	}
	if len(rows) > 0 {
		b.WriteString("\n" + title + ":\n" + columns(rows))
	}
}

func sentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}
