package config

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"

	"weaver/config/source"
)

// format is a language that config files are written in.
type format int

const (
	notConfig format = iota
	jsonFile
	yamlFile
	tomlFile
	jsFile
)

// IsConfigFile reports that name is a config file and not a script: its last part contains ".json" (so "x.json5" and
// "x.json.bak" too, as with PM2), ".yml", ".yaml", ".config." with a JavaScript or TypeScript ending, or ends in
// ".toml". What has a blank in it is a command line unless a file of that name exists.
func IsConfigFile(name string) bool {
	if strings.ContainsAny(name, " \t\n") {
		if info, err := os.Stat(name); err != nil || info.IsDir() {
			return false
		}
	}
	return formatOf(name) != notConfig
}

// maxTame bounds a tame config: reading a larger one is work.
const maxTame = 64 << 10

// Tame reports that a config file can be read in passing, within a process that has other things to do: it is data in which nothing
// can be run, none of its apps is in TypeScript, whose runner depends on what a program says of itself, and no few lines of it
// mean very many values.
func Tame(path string) bool {
	kind := formatOf(path)
	if kind == notConfig || kind == jsFile || strings.ContainsAny(path, " \t\n") {
		return false
	}
	data, err := source.Read(path)
	if err != nil || len(data) > maxTame || kind == yamlFile && bytes.IndexByte(data, '&') >= 0 {
		return false
	}
	for _, ending := range []string{".ts", ".mts", ".cts"} {
		if bytes.Contains(data, []byte(ending)) {
			return false
		}
	}
	return true
}

// formatOf tells the language by the name: by its ending if that is plain, else by what it contains, in PM2's order.
func formatOf(name string) format {
	base := filepath.Base(name)
	switch strings.ToLower(filepath.Ext(base)) {
	case ".json", ".json5", ".jsonc":
		return jsonFile
	case ".yml", ".yaml":
		return yamlFile
	case ".toml":
		return tomlFile
	}
	switch {
	case strings.Contains(base, ".json"):
		return jsonFile
	case strings.Contains(base, ".yml"), strings.Contains(base, ".yaml"):
		return yamlFile
	}
	for _, ending := range []string{".js", ".cjs", ".mjs", ".ts", ".cts", ".mts"} {
		if strings.Contains(base, ".config"+ending) {
			return jsFile
		}
	}
	return notConfig
}
