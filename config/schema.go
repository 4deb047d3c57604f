package config

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// Schema is the JSON Schema of the config files, for editors and for checks in pipelines. It is made from the table of
// attributes by which files are read, so it says what they say.
func Schema() []byte {
	app := attributeSchemas()
	root := object{
		{"$schema", "http://json-schema.org/draft-07/schema#"},
		{"$id", "https://weaver.dev/ecosystem.schema.json"},
		{"title", "weaver ecosystem file"},
		{"description", "What weaver start FILE reads, as JSON, YAML, TOML or the export of a JavaScript file."},
		{"definitions", object{{"app", app}, {"apps", appsSchema()}, {"deploy", deploySchema()}, {"static", staticSchema()}, {"text", textSchema()}}},
		{"anyOf", []any{
			object{
				{"type", "object"},
				{"properties", object{
					{"$schema", object{{"type", "string"}}},
					{"apps", ref("apps")},
					{"pm2", object{{"anyOf", []any{
						ref("apps"),
						object{{"type", "object"}, {"properties", object{{"apps", ref("apps")}}}, {"required", []any{"apps"}}},
					}}}},
					{"deploy", object{{"type", "object"}, {"additionalProperties", ref("deploy")}}},
					{"static", object{{"type", "array"}, {"items", ref("static")}}},
				}},
				{"anyOf", []any{required("apps"), required("pm2"), required("deploy"), required("static")}},
			},
			object{{"type", "array"}, {"items", ref("app")}},
			ref("app"),
		}},
	}
	var b bytes.Buffer
	if err := json.Indent(&b, raw(root), "", "  "); err != nil {
		panic("internal: " + err.Error())
	}
	b.WriteByte('\n')
	return b.Bytes()
}

func ref(name string) object { return object{{"$ref", "#/definitions/" + name}} }

func required(key string) object { return object{{"required", []any{key}}} }

func appsSchema() object {
	return object{{"anyOf", []any{object{{"type", "array"}, {"items", ref("app")}}, ref("app")}}}
}

// textSchema is the value of an environment variable: whatever is no text is written as JSON.
func textSchema() object {
	return object{{"type", []any{"string", "number", "boolean", "object", "array", "null"}}}
}

// attributeSchemas are the attributes of an app, each under all of its spellings.
func attributeSchemas() object {
	var properties object
	var script []any
	for i := range attributes {
		a := &attributes[i]
		for n, word := range a.spellings() {
			s := a.schema()
			if n > 0 {
				s = append(s, member{"description", "the same as " + a.key})
			}
			properties.set(word, s)
			if a.key == "script" {
				script = append(script, required(word))
			}
		}
	}
	properties.set("logs", nestedSchema(properties))
	properties.set("$schema", object{{"type", "string"}})
	variables := object{{"type", "object"}, {"additionalProperties", ref("text")}}
	return object{
		{"type", "object"},
		{"properties", properties},
		{"patternProperties", object{{"^env_\\S*$", variables}, {"^//", true}}},
		{"additionalProperties", false},
		{"anyOf", script},
	}
}

// nestedSchema is the object "logs", whose members stand for other attributes.
func nestedSchema(attributes object) object {
	members := object{{"directory", object{{"type", "string"}}}}
	for _, name := range slices.Sorted(maps.Keys(nestedLogs)) {
		as, _ := attributes.get(nestedLogs[name])
		members.set(name, as)
	}
	return object{{"type", "object"}, {"properties", members}, {"additionalProperties", false}}
}

// schema is what may be written for a.
func (a *attribute) schema() object {
	switch a.key {
	case "exec_mode":
		return object{{"enum", []any{"fork", "cluster", "fork_mode", "cluster_mode"}}}
	case "max_cpu":
		return object{{"anyOf", []any{
			object{{"type", "number"}, {"minimum", 1.0}},
			object{{"type", "string"}, {"pattern", `^\s*[0-9]+(\.[0-9]+)?%?\s*$`}},
		}}}
	case "log_type":
		return object{{"enum", []any{"raw", "json"}}}
	case "instances":
		return object{{"type", []any{"integer", "string"}}}
	case "env":
		return object{{"type", "object"}, {"additionalProperties", ref("text")}}
	}
	var any []any
	for _, letter := range a.types {
		switch letter {
		case 'A':
			any = append(any, object{{"type", "array"}})
		case 'B':
			any = append(any, object{{"type", "boolean"}})
		case 'O':
			any = append(any, object{{"type", "object"}})
		case 'N':
			any = append(any, a.numberSchema(), object{{"type", "string"}, {"pattern", `^\s*-?[0-9]+(\.[0-9]+)?\s*$`}})
		case 'S':
			any = append(any, a.stringSchema())
		}
	}
	if a.as == asSpan && !strings.Contains(a.types, "S") {
		any = append(any, a.stringSchema())
	}
	if len(any) == 1 {
		return any[0].(object)
	}
	return object{{"anyOf", any}}
}

func (a *attribute) numberSchema() object {
	kind := "number"
	if a.as == asWhole || a.as == asCodes {
		kind = "integer"
	}
	o := object{{"type", kind}}
	if a.as == asWhole || a.as == asSpan || a.as == asSize {
		o.set("minimum", a.min)
	}
	return o
}

func (a *attribute) stringSchema() object {
	o := object{{"type", "string"}}
	switch a.as {
	case asSpan:
		o.set("pattern", `^\s*[0-9]+(\.[0-9]+)?(ms|s|m|h|d)?\s*$`)
	case asSize:
		o.set("pattern", `^\s*[0-9]+[GgMmKk]?\s*$`)
	}
	return o
}

func deploySchema() object {
	text := object{{"type", "string"}}
	texts := object{{"anyOf", []any{text, object{{"type", "array"}, {"items", text}}}}}
	properties := object{
		{"user", text},
		{"host", texts},
		{"port", object{{"type", []any{"string", "integer"}}}},
		{"key", text},
		{"ssh_options", texts},
		{"forward-agent", object{{"type", []any{"boolean", "string"}}}},
		{"needs_tty", object{{"type", []any{"boolean", "string"}}}},
		{"repo", text},
		{"ref", text},
		{"path", text},
		{"fetch", text},
		{"env", object{{"type", "object"}, {"additionalProperties", ref("text")}}},
	}
	for _, hook := range []string{"pre-setup", "post-setup", "pre-deploy-local", "pre-deploy", "post-deploy"} {
		properties.set(hook, text)
	}
	return object{{"type", "object"}, {"properties", properties}, {"required", []any{"host", "repo", "path", "ref"}}}
}

func staticSchema() object {
	flag := object{{"type", "boolean"}}
	text := object{{"type", "string"}}
	return object{{"type", "object"}, {"properties", object{
		{"name", text},
		{"port", object{{"type", []any{"integer", "string"}}}},
		{"host", text},
		{"path", text},
		{"spa", flag},
		{"ftp", flag},
		{"directory", flag},
		{"basic_auth", object{{"type", "object"}, {"properties", object{{"username", text}, {"password", text}}}}},
		{"monitor", object{{"type", []any{"string", "boolean"}}}},
	}}}
}
