// Command weaver is the front end in its lightest form: it answers the hot commands itself, is the anchor below which
// everything runs, and leaves the rest to weaverd. What is linked in here costs every call, so a test holds the list.
//
//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0
//go:debug decoratemappings=0
package main

import (
	"os"
	"strings"
	"syscall"

	"weaver/cli/hot"
	"weaver/config/home"
	"weaver/daemon/anchor"
	"weaver/supervisor/spawn/trampoline"
)

// version is set by the linker.
var version = "0.1.0-dev"

func main() { os.Exit(run(os.Args)) }

func run(argv []string) int {
	switch {
	case len(argv) > 0 && argv[0] == trampoline.Name:
		return trampoline.Run(argv)
	case len(argv) > 1 && argv[1] == "--anchor":
		return runAnchor(argv[2:])
	}
	code, handled, env := hot.Try(version, argv, os.Environ())
	if handled {
		return code
	}
	return become(argv, env)
}

// runAnchor runs the anchor: --anchor [HOME [WEAVERD]].
func runAnchor(args []string) int {
	h, err := home.Find(home.Weaver, os.Getenv)
	if len(args) > 0 {
		h, err = home.At(args[0]), nil
	}
	if err != nil {
		return complain(err.Error(), "", 1)
	}
	weaverd := ""
	if len(args) > 1 {
		weaverd = args[1]
	} else if weaverd = firstExecutable(places("")); weaverd == "" {
		return missing()
	}
	return anchor.Run(anchor.Options{Home: h.Dir, Lock: h.DaemonLock(), Log: h.AnchorLog(), Weaverd: weaverd})
}

// become replaces this process by weaverd, with the same arguments: argv[0] tells it by which name it was called.
func become(argv, env []string) int {
	argv0 := ""
	if len(argv) > 0 {
		argv0 = argv[0]
	}
	path := firstExecutable(places(argv0))
	if path == "" {
		return missing()
	}
	err := syscall.Exec(path, argv, env)
	return complain("cannot run "+path+": "+err.Error(), "", 126)
}

// places are where weaverd may be, the likeliest first: beside this executable itself, beside the link that it was called
// by, on PATH.
func places(argv0 string) []string {
	var dirs []string
	if self, err := os.Executable(); err == nil {
		self = strings.TrimSuffix(self, " (deleted)") // replaced by an upgrade while it runs
		dirs = append(dirs, dirOf(self))
	}
	if dir := dirOf(argv0); dir != "" {
		dirs = append(dirs, dir)
	}
	for dir := range strings.SplitSeq(os.Getenv("PATH"), ":") {
		if dir != "" && dir[0] == '/' { // a relative one is whoever's directory we are in
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// dirOf is the directory part of a path, "" for a bare name.
func dirOf(path string) string {
	switch i := strings.LastIndexByte(path, '/'); i {
	case -1:
		return ""
	case 0:
		return "/"
	default:
		return path[:i]
	}
}

// firstExecutable returns the first weaverd in dirs.
func firstExecutable(dirs []string) string {
	for _, dir := range dirs {
		path := dir + "/weaverd"
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path
		}
	}
	return ""
}

func missing() int {
	return complain("cannot find weaverd beside "+os.Args[0]+" or on PATH", "install weaver and weaverd into the same directory", 127)
}

func complain(text, hint string, code int) int {
	if hint != "" {
		text += "\nhint: " + hint
	}
	os.Stderr.WriteString("weaver: " + text + "\n")
	return code
}
