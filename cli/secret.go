package cli

import (
	"weaver/api"
	"weaver/app"
	"weaver/config/home"
)

// showSecrets reports that values of variables whose names look secret may be shown: that was asked for, or PM2 was
// called, whose answers are the same.
func (c *call) showSecrets() bool {
	return c.bool("show-secrets") || home.PersonaOf(c.env.Argv0) == home.PM2
}

// redact strikes secrets out of what is shown of a process.
func redact(p *app.Process) {
	if p.Spec != nil {
		p.Spec = p.Spec.Redacted()
	}
}

// redactArguments strikes secrets out of the command lines of a description. Its environment is compared before it is shown.
func redactArguments(d *api.Description) {
	if d.Process.Spec != nil {
		spec := *d.Process.Spec
		spec.Args, spec.InterpreterArgs = app.RedactArgs(spec.Args), app.RedactArgs(spec.InterpreterArgs)
		d.Process.Spec = &spec
	}
	for i := range d.Tree {
		d.Tree[i].Command = app.Redact(d.Tree[i].Command)
	}
}

// secretsFlag is that of the commands that show environments.
func secretsFlag() []flag {
	return []flag{{name: "show-secrets", help: "show values of variables whose names look secret"}}
}
