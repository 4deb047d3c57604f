// Package port translates between weaver's config files and what other supervisors read: Procfiles, supervisord's
// configs, systemd's units and compose files in; units, compose files, Kubernetes manifests and Nomad jobs out.
//
// What has no counterpart on the other side is a Note; nothing is dropped without one. The package reads files and writes
// none, and knows no supervisor.
package port

import (
	"fmt"
	"strings"
)

// Note is something that could not be translated, or that was translated into what is only nearly the same.
type Note struct {
	File string
	Line int    // from 1; 0 is unknown
	App  string // "" is about the whole file
	Text string
}

func (n Note) String() string {
	at := n.File
	if n.Line > 0 {
		at += fmt.Sprintf(":%d", n.Line)
	}
	if at != "" {
		at += ": "
	}
	if n.App != "" {
		at += n.App + ": "
	}
	return at + n.Text
}

// clip makes what a file holds fit for a message.
func clip(s string) string {
	const most = 80
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
