package cli

import (
	"slices"
	"strings"
)

// siblingArgs are the arguments of one of PM2's other programs (pm2-runtime, pm2-docker, pm2-dev) as those of the command
// that it stands for. They have `start` as a command that may be left out, and say their own version.
func siblingArgs(env *Env, command string, args []string) []string {
	switch {
	case len(args) == 1 && slices.Contains([]string{"-v", "-V", "--version"}, args[0]):
		return []string{"--version"}
	case len(args) > 0 && args[0] == "start":
		args = args[1:]
	}
	if command == "dev" {
		env.Environ = devEnviron(env)
	}
	return append([]string{command}, args...)
}

// devEnviron gives pm2-dev a home of its own, whatever $PM2_HOME says, as it has with PM2: it ends its daemon when it ends.
func devEnviron(env *Env) []string {
	base := env.Getenv("HOME")
	environ := slices.DeleteFunc(slices.Clone(env.Environ), func(kv string) bool { return strings.HasPrefix(kv, "PM2_HOME=") })
	if base == "" {
		return environ
	}
	return append(environ, "PM2_HOME="+base+"/.pm2-dev")
}
