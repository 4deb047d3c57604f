// Package api is the contract between the process that a person typed and the process that stays.
//
// It is HTTP/1.1 with JSON over the Unix socket weaver.sock in the home, for the owner of the home and root only. Work that takes time
// answers with NDJSON: one app.Progress a line, the last one with step "end"; the daemon finishes what it began even if
// nobody listens any more. Try it:
//
//	curl --unix-socket ~/.weaver/weaver.sock http://weaver/v1/ping
//
// The zero value of Client with a socket path works. Errors of the daemon come back as *Error; a daemon that is not there
// as an error for which IsDown is true.
package api
