package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"

	"weaver/app"
)

// writeFile writes what was asked for into NAME-pm2.json, a config file that starts the same again.
func (c *call) writeFile(spec *app.Spec) error {
	s := spec.Clone()
	s.Env, s.WatchConfig = nil, nil // of whoever starts it then
	data, err := json.MarshalIndent(map[string]any{"apps": []app.Spec{s}}, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(c.env.Cwd, strings.ReplaceAll(spec.Name, "/", "-")+"-pm2.json")
	c.out.talk("Writing configuration to %s", path)
	if err := os.WriteFile(path, append(data, '\n'), 0o644); err != nil {
		return c.cannot("", "write "+path, err)
	}
	return nil
}
