// Package wire is the daemon as PM2's own clients see it: the methods of rpc.sock and the topics of pub.sock, over a small
// Backend. It translates and decides nothing.
package wire
