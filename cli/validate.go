package cli

import (
	"errors"
	"fmt"
	"slices"

	"weaver/config"
)

// runSchema prints the JSON Schema of config files.
func runSchema(c *call) error {
	c.out.bytes(config.Schema())
	return nil
}

// validated is what `validate --json` says of one file.
type validated struct {
	File     string   `json:"file"`
	Valid    bool     `json:"valid"`
	Apps     []string `json:"apps"`
	Errors   []string `json:"errors,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
}

// runValidate reads config files as `start` would, and starts nothing.
func runValidate(c *call) error {
	if err := c.findHome(); err != nil {
		c.home.Dir = c.env.Cwd // only for the paths of logs
	}
	var all []validated
	bad := false
	for _, path := range c.args {
		v := c.validate(path)
		bad = bad || !v.Valid
		all = append(all, v)
		if c.out.json {
			continue
		}
		for _, w := range v.Warnings {
			c.out.warn("%s: %s", path, w)
		}
		for _, e := range v.Errors {
			c.out.fail("[PM2][ERROR] " + path + ": " + e)
		}
		if v.Valid {
			c.out.talk("%s: valid, %d apps", path, len(v.Apps))
		}
	}
	if c.out.json {
		if err := c.out.value(all); err != nil {
			return err
		}
	}
	if bad {
		return errReported
	}
	return nil
}

func (c *call) validate(path string) validated {
	loaded, err := config.Load(c.ctx, c.fileContext(), path, c.appFlags())
	v := validated{File: path, Apps: loaded.Names()}
	if v.Apps == nil {
		v.Apps = []string{}
	}
	for _, p := range loaded.Problems {
		v.Warnings = append(v.Warnings, p.String())
	}
	if loaded.Deploy != nil && slices.Equal(v.Apps, []string{""}) {
		v.Apps, loaded.Failed = []string{}, nil // it is about deployments alone
	}
	for _, f := range loaded.Failed {
		if f.Name == "" {
			v.Errors = append(v.Errors, f.Err.Error())
			continue
		}
		v.Errors = append(v.Errors, fmt.Sprintf("%s: %v", f.Name, f.Err))
	}
	var invalid *config.Invalid
	switch {
	case errors.As(err, &invalid):
		for _, p := range invalid.Problems {
			v.Errors = append(v.Errors, p.String())
		}
	case err != nil:
		v.Errors = append(v.Errors, err.Error())
	}
	v.Valid = len(v.Errors) == 0
	return v
}
