package config

import "fmt"

// nestedLogs are the members of "logs", an object, and the keys that they stand for.
var nestedLogs = map[string]string{
	"stdout_file": "out_file", "stderr_file": "error_file", "max_size": "max_log_size", "max_files": "max_log_files",
	"max_age": "max_log_age", "compress": "compress_logs", "date_format": "log_date_format",
}

// flattened is an app with its object "logs" {directory, stdout_file, stderr_file, max_size, max_files, compress} written
// as the keys it stands for. Those that are written themselves win. Files are in the directory unless they are absolute.
func flattened(in object) (object, *Problem) {
	given, ok := in.get("logs")
	if !ok {
		return in, nil
	}
	logs, ok := given.(object)
	if !ok {
		return in, &Problem{Key: "logs", Message: mismatch("logs", "O", given)}
	}
	out := make(object, 0, len(in)+len(logs))
	for _, m := range in {
		if m.key != "logs" {
			out = append(out, m)
		}
	}
	dir, _ := logs.get("directory")
	put := func(key string, val any) {
		if _, has := out.get(key); !has {
			out = append(out, member{key, val})
		}
	}
	for _, m := range logs {
		key, known := nestedLogs[m.key]
		switch {
		case m.key == "directory":
		case !known:
			p := &Problem{Key: "logs", Message: fmt.Sprintf("unknown key %q", "logs."+clip(m.key))}
			names := []string{"directory"}
			for n := range nestedLogs {
				names = append(names, n)
			}
			if near := Nearest(m.key, names); near != "" {
				p.Hint = fmt.Sprintf("did you mean %q?", near)
			}
			return in, p
		case key == "out_file" || key == "error_file":
			put(key, inDirectory(dir, m.val))
		default:
			put(key, m.val)
		}
	}
	if dir != nil {
		name := nameForMessages(in)
		put("out_file", inDirectory(dir, name+"-out.log"))
		put("error_file", inDirectory(dir, name+"-error.log"))
	}
	return out, nil
}

// inDirectory is a file in a directory, if both are texts and the file is not absolute.
func inDirectory(dir, file any) any {
	d, okDir := dir.(string)
	f, okFile := file.(string)
	if !okDir || !okFile || d == "" || len(f) > 0 && f[0] == '/' {
		return file
	}
	return d + "/" + f
}
