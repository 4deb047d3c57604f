package supervisor

import (
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"weaver/app"
)

// nodesPort is where Node has its inspector unless it is told where.
const nodesPort = 9229

// portOf returns the options that give a worker an inspector of its own, as Node's primary does: each process of a cluster is told
// the same options, and only one could listen there. The first instance has the port that was asked for, the others those
// after it; where somebody listens already, a worker that is about to be replaced too, it is the next that can be this instance's
// and nobody else's.
func portOf(p *app.Process, env app.Env) []string {
	if !clusters(p.Spec) {
		return nil
	}
	options, _ := env.Get("NODE_OPTIONS")
	host, asked := inspector(append(strings.Fields(options), p.Spec.InterpreterArgs...))
	if asked == 0 {
		return nil
	}
	const most = 65535
	for port := asked + p.Instance; port <= most; port += max(p.Spec.Instances, p.Instance+1) {
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if errors.Is(err, syscall.EADDRINUSE) {
			continue
		}
		if err != nil {
			return nil // Node says what is wrong with the address
		}
		l.Close()
		if port == asked {
			return nil
		}
		return []string{"--inspect-port=" + strconv.Itoa(port)}
	}
	return nil
}

// inspector returns where options of Node's have it: 0 when they want none, or a port of the kernel's choice.
func inspector(options []string) (host string, port int) {
	host, port = "127.0.0.1", nodesPort
	wanted := false
	for i, option := range options {
		name, where, given := strings.Cut(option, "=")
		if !slices.Contains([]string{"--inspect", "--inspect-brk", "--inspect-wait", "--inspect-port", "--debug-port"}, name) {
			continue
		}
		wanted = true
		if !given && strings.HasSuffix(name, "-port") && i+1 < len(options) {
			where = options[i+1]
		}
		if where == "" {
			continue
		}
		if n, err := strconv.Atoi(where); err == nil {
			port = n
		} else if h, p, err := net.SplitHostPort(where); err == nil {
			host = h
			port, _ = strconv.Atoi(p)
		} else {
			host = strings.Trim(where, "[]")
		}
	}
	if !wanted {
		return "", 0
	}
	return host, port
}
