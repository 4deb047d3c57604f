package config

import (
	"fmt"
	"strings"
)

// Serve is the script that stands for weaver's own server of static files (Context.Server).
const Serve = "serve"

// staticApps are the apps that the section "static" of a file means: a server for each entry.
func (c Context) staticApps(section any) ([]object, error) {
	list, ok := section.([]any)
	if !ok {
		list = []any{section}
	}
	var apps []object
	for i, e := range list {
		one, ok := e.(object)
		if !ok {
			return nil, saidf("entry %d of the section \"static\" is %s, not an object", i, typeName(e))
		}
		port := "8080"
		if v, ok := one.get("port"); ok && v != nil {
			port = text(v)
		}
		path, _ := one.get("path")
		dir := c.abs(c.Cwd, textOr(path, "."))
		env := object{{"PM2_SERVE_PORT", port}, {"PM2_SERVE_PATH", dir}}
		for key, variable := range map[string]string{"spa": "PM2_SERVE_SPA", "ftp": "PM2_SERVE_FTP", "directory": "PM2_SERVE_FTP"} {
			if v, ok := one.get(key); ok && !falsy(v) {
				env.set(variable, "true")
			}
		}
		if host, ok := one.get("host"); ok {
			env.set("PM2_SERVE_HOST", textOr(host, ""))
		}
		if v, ok := one.get("basic_auth"); ok && !falsy(v) {
			auth, _ := v.(object)
			user, _ := auth.get("username")
			password, _ := auth.get("password")
			env.set("PM2_SERVE_BASIC_AUTH", "true")
			env.set("PM2_SERVE_BASIC_AUTH_USERNAME", textOr(user, ""))
			env.set("PM2_SERVE_BASIC_AUTH_PASSWORD", textOr(password, ""))
		}
		name, _ := one.get("name")
		apps = append(apps, object{
			{"name", textOr(name, fmt.Sprintf("static-page-server-%s", strings.TrimSpace(port)))},
			{"script", Serve},
			{"cwd", dir},
			{"env", env},
		})
	}
	return apps, nil
}

func textOr(v any, standard string) string {
	if v == nil || v == "" {
		return standard
	}
	return text(v)
}
