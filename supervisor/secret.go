package supervisor

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"weaver/app"
)

// References to secrets are kept as they are in everything that is saved or shown; what they refer to is looked up for
// each exec, and is nowhere but in the program's own environment.
const (
	secretFile = "secret://file/" // + an absolute path, its leading slash optional: the file's content without its last newline
	secretEnv  = "secret://env/"  // + the name of a variable of the supervisor's own environment
)

// maxSecret bounds a secret's file, in bytes: an environment has little room.
const maxSecret = 64 << 10

// resolveSecrets replaces the references in an environment. Errors name the variable, never a value.
func resolveSecrets(env app.Env) error {
	for i := range env {
		if !strings.HasPrefix(env[i].Value, "secret://") {
			continue
		}
		value, err := secret(env[i].Value)
		if err != nil {
			return fmt.Errorf("resolve %s=%s: %w", env[i].Name, env[i].Value, err)
		}
		env[i].Value = value
	}
	return nil
}

// referred is env where a variable of the supervisor's that something in it refers to is a reference, too: front ends send their whole
// environment along, and what is saved would hold the secret itself beside the reference to it.
func referred(env app.Env) app.Env {
	out := env
	for _, v := range env {
		name, ok := strings.CutPrefix(v.Value, secretEnv)
		if !ok {
			continue
		}
		if value, there := out.Get(name); there && !strings.HasPrefix(value, "secret://") {
			if len(out) > 0 && &out[0] == &env[0] {
				out = env.Clone()
			}
			out.Set(name, secretEnv+name)
		}
	}
	return out
}

// revealed is env as programs see it that look at a service. What cannot be resolved they find as it is.
func revealed(env app.Env) app.Env {
	out := env.Clone()
	for i := range out {
		_ = resolveSecrets(out[i : i+1])
	}
	return out
}

func secret(ref string) (string, error) {
	if name, ok := strings.CutPrefix(ref, secretEnv); ok {
		value, ok := os.LookupEnv(name)
		if !ok {
			return "", fmt.Errorf("the supervisor has no variable %s", name)
		}
		return value, nil
	}
	path, ok := strings.CutPrefix(ref, secretFile)
	if !ok {
		return "", fmt.Errorf("not a reference: %sPATH or %sNAME", secretFile, secretEnv)
	}
	path = "/" + strings.TrimLeft(path, "/")
	f, err := os.OpenFile(filepath.Clean(path), os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO must not hold the launch up
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is no regular file", path)
	}
	if info.Size() > maxSecret {
		return "", fmt.Errorf("%s has %d bytes, at most %d fit", path, info.Size(), maxSecret)
	}
	data := make([]byte, info.Size())
	n, err := f.ReadAt(data, 0)
	if err != nil && n < len(data) {
		return "", err
	}
	text := strings.TrimSuffix(string(data[:n]), "\n")
	if strings.IndexByte(text, 0) >= 0 {
		return "", fmt.Errorf("%s holds a zero byte, which no variable can", path)
	}
	return text, nil
}
